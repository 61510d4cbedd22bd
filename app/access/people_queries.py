"""Every SQL statement about people and their memberships."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.access.models import (
    BrowserSession,
    KnownDevice,
    Membership,
    Person,
    Principal,
    Role,
)
from app.projects.models import Project


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


@dataclass(frozen=True)
class MemberRow:
    id: uuid.UUID
    name: str
    email: str | None
    role: str
    since: datetime
    last_sign_in_at: datetime | None


def members(
    db: Session,
    project_id: uuid.UUID,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> list[MemberRow]:
    """A project's people, those who joined last first."""
    last_sign_in_at = (
        select(func.max(BrowserSession.created_at))
        .where(BrowserSession.principal_id == Membership.person_id)
        .scalar_subquery()
    )
    asked = (
        select(
            Person.id,
            Principal.name,
            Person.email,
            Membership.role,
            Membership.created_at,
            last_sign_in_at,
        )
        .join(Person, Person.id == Membership.person_id)
        .join(Principal, Principal.id == Membership.person_id)
        .where(Membership.project_id == project_id)
        .order_by(Membership.created_at.desc(), Membership.person_id.desc())
        .limit(limit)
    )
    if after is not None:
        asked = asked.where(tuple_(Membership.created_at, Membership.person_id) < after)
    return [MemberRow(*row) for row in db.execute(asked)]


def lock_membership(db: Session, project_id: uuid.UUID, person_id: uuid.UUID) -> Membership | None:
    """A membership, with every change of the project's members held back until we commit.

    The project's row is the lock: two admins who remove each other must not both succeed. It does
    not hold back whoever only refers to the project, as every line of the log does: they may hold
    what we wait for.
    """
    held = select(Project.id).where(Project.id == project_id).with_for_update(key_share=True)
    db.execute(held)
    return db.scalar(
        select(Membership).where(
            Membership.project_id == project_id, Membership.person_id == person_id
        )
    )


def admin_count(db: Session, project_id: uuid.UUID) -> int:
    return db.scalars(
        select(func.count()).where(
            Membership.project_id == project_id, Membership.role == Role.admin.value
        )
    ).one()


def projects_of(db: Session, person_id: uuid.UUID) -> set[uuid.UUID]:
    return set(db.scalars(select(Membership.project_id).where(Membership.person_id == person_id)))


def administered_by(db: Session, principal_id: uuid.UUID) -> set[uuid.UUID]:
    """The projects where a person is an admin."""
    return set(
        db.scalars(
            select(Membership.project_id).where(
                Membership.person_id == principal_id, Membership.role == Role.admin.value
            )
        )
    )


def membership(db: Session, person_id: uuid.UUID, project_id: uuid.UUID) -> Membership | None:
    return db.get(Membership, (person_id, project_id))
