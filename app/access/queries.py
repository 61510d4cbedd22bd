"""Every SQL statement about sessions and idempotency."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.access.key_queries import key_lives
from app.access.models import (
    ApiKey,
    BrowserSession,
    IdempotentRequest,
    Membership,
    Person,
    Principal,
    PrincipalKind,
    SignInLink,
)
from app.projects.models import Project


@dataclass(frozen=True)
class SessionRow:
    """A live session and whose it is."""

    session_id: uuid.UUID
    csrf_token: str
    project_id: uuid.UUID | None
    principal_id: uuid.UUID
    kind: str
    name: str
    begun_by: str
    email: str | None
    has_password: bool
    read_only: bool


@dataclass(frozen=True)
class Place:
    """A project that a principal may go to, and the role there."""

    project_id: uuid.UUID
    project_name: str
    role: str


def live_session(db: Session, secret_hash: str, at: datetime) -> SessionRow | None:
    row = db.execute(
        select(
            BrowserSession.id,
            BrowserSession.csrf_token,
            BrowserSession.project_id,
            Principal.id,
            Principal.kind,
            Principal.name,
            BrowserSession.begun_by,
            Person.email,
            Person.password_hash.is_not(None).label("has_password"),
            func.coalesce(ApiKey.read_only, False),
        )
        .join(Principal, Principal.id == BrowserSession.principal_id)
        .outerjoin(Person, Person.id == Principal.id)
        .outerjoin(ApiKey, ApiKey.id == Principal.id)
        .where(
            BrowserSession.secret_hash == secret_hash,
            BrowserSession.ended_at.is_(None),
            BrowserSession.expires_at > at,
            key_lives(at),  # holds for people, who have none
        )
    ).first()
    return None if row is None else SessionRow(*tuple(row))


def places_of(db: Session, principal_id: uuid.UUID, kind: PrincipalKind) -> tuple[Place, ...]:
    """The projects of a principal, by name."""
    if kind is PrincipalKind.key:
        asked = (
            select(Project.id, Project.name, ApiKey.role)
            .join(ApiKey, ApiKey.project_id == Project.id)
            .where(ApiKey.id == principal_id)
        )
    else:
        asked = (
            select(Project.id, Project.name, Membership.role)
            .join(Membership, Membership.project_id == Project.id)
            .where(Membership.person_id == principal_id)
            .order_by(Project.name)
        )
    return tuple(Place(*row) for row in db.execute(asked))


def spend_link(db: Session, secret_hash: str, at: datetime) -> SignInLink | None:
    """Mark a link used and return it; None if it is unknown, used before or too old."""
    return db.scalar(
        update(SignInLink)
        .where(
            SignInLink.secret_hash == secret_hash,
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > at,
        )
        .values(used_at=at)
        .returning(SignInLink)
    )


def end_session(db: Session, session_id: uuid.UUID, at: datetime) -> None:
    db.execute(update(BrowserSession).where(BrowserSession.id == session_id).values(ended_at=at))


def end_session_by_secret(db: Session, secret_hash: str, at: datetime) -> None:
    db.execute(
        update(BrowserSession)
        .where(BrowserSession.secret_hash == secret_hash, BrowserSession.ended_at.is_(None))
        .values(ended_at=at)
    )


def end_other_sessions(
    db: Session, principal_id: uuid.UUID, kept: uuid.UUID | None, at: datetime
) -> None:
    """End a principal's sessions, all but one."""
    db.execute(
        update(BrowserSession)
        .where(
            BrowserSession.principal_id == principal_id,
            BrowserSession.id.is_distinct_from(kept),
            BrowserSession.ended_at.is_(None),
        )
        .values(ended_at=at)
    )


def end_one_of(db: Session, principal_id: uuid.UUID, session_id: uuid.UUID, at: datetime) -> bool:
    """False if the session is not this principal's, or has ended."""
    ended = db.scalar(
        update(BrowserSession)
        .where(
            BrowserSession.id == session_id,
            BrowserSession.principal_id == principal_id,
            BrowserSession.ended_at.is_(None),
        )
        .values(ended_at=at)
        .returning(BrowserSession.id)
    )
    return ended is not None


def live_sessions_of(
    db: Session, principal_id: uuid.UUID, at: datetime, limit: int
) -> list[BrowserSession]:
    """A principal's sessions, the newest first."""
    return list(
        db.scalars(
            select(BrowserSession)
            .where(
                BrowserSession.principal_id == principal_id,
                BrowserSession.ended_at.is_(None),
                BrowserSession.expires_at > at,
            )
            .order_by(BrowserSession.created_at.desc())
            .limit(limit)
        )
    )


def last_project_id(db: Session, principal_id: uuid.UUID) -> uuid.UUID | None:
    """Where the newest session was."""
    return db.scalar(
        select(BrowserSession.project_id)
        .where(BrowserSession.principal_id == principal_id)
        .order_by(BrowserSession.created_at.desc())
        .limit(1)
    )


def drop_old_sessions(db: Session, principal_id: uuid.UUID, before: datetime) -> None:
    db.execute(
        delete(BrowserSession).where(
            BrowserSession.principal_id == principal_id, BrowserSession.created_at < before
        )
    )


def move_session(db: Session, session_id: uuid.UUID, project_id: uuid.UUID) -> None:
    db.execute(
        update(BrowserSession).where(BrowserSession.id == session_id).values(project_id=project_id)
    )


def begin_idempotent_request(
    db: Session, project_id: uuid.UUID, key: str, request_hash: str
) -> bool:
    """True if this transaction now owns the key.

    A concurrent holder of the same key is waited for: Postgres blocks the insert until that
    transaction ends, so two equal requests at once never both run.
    """
    inserted = db.scalar(
        insert(IdempotentRequest)
        .values(project_id=project_id, key=key, request_hash=request_hash)
        .on_conflict_do_nothing()
        .returning(IdempotentRequest.key)
    )
    return inserted is not None


def idempotent_request(db: Session, project_id: uuid.UUID, key: str) -> IdempotentRequest | None:
    return db.get(IdempotentRequest, (project_id, key))


def finish_idempotent_request(
    db: Session, project_id: uuid.UUID, key: str, body: dict[str, Any]
) -> None:
    db.execute(
        update(IdempotentRequest)
        .where(IdempotentRequest.project_id == project_id, IdempotentRequest.key == key)
        .values(body=body)
    )
