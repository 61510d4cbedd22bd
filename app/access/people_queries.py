"""Every SQL statement about people and their memberships."""

from __future__ import annotations

import uuid

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.access.models import KnownDevice, Membership, Person, Principal


def local_owner_id(db: Session) -> uuid.UUID | None:
    return db.scalar(select(Person.id).where(Person.is_local_owner))


def by_email(db: Session, email: str) -> Person | None:
    return db.scalar(select(Person).where(Person.email == email))


def person(db: Session, person_id: uuid.UUID) -> Person:
    return db.get_one(Person, person_id)


def principal(db: Session, principal_id: uuid.UUID) -> Principal:
    return db.get_one(Principal, principal_id)


def knows_device(db: Session, email: str, secret_hash: str) -> bool:
    found = db.scalar(
        select(KnownDevice.person_id)
        .join(Person, Person.id == KnownDevice.person_id)
        .where(Person.email == email, KnownDevice.secret_hash == secret_hash)
    )
    return found is not None


def remember_device(db: Session, person_id: uuid.UUID, secret_hash: str) -> None:
    db.execute(
        insert(KnownDevice)
        .values(person_id=person_id, secret_hash=secret_hash)
        .on_conflict_do_nothing()
    )


def forget_other_devices(db: Session, person_id: uuid.UUID, kept_hash: str | None) -> None:
    db.execute(
        delete(KnownDevice).where(
            KnownDevice.person_id == person_id,
            KnownDevice.secret_hash.is_distinct_from(kept_hash),
        )
    )


def replace_password(db: Session, person_id: uuid.UUID, old: str, new: str) -> bool:
    """False if the stored hash is no longer the old one."""
    replaced = db.scalar(
        update(Person)
        .where(Person.id == person_id, Person.password_hash == old)
        .values(password_hash=new)
        .returning(Person.id)
    )
    return replaced is not None


def membership(db: Session, person_id: uuid.UUID, project_id: uuid.UUID) -> Membership | None:
    return db.get(Membership, (person_id, project_id))
