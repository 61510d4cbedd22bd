"""Every SQL statement about keys."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from app.access.models import ApiKey, Principal
from app.projects.models import Project


@dataclass(frozen=True)
class KeyRow:
    """A key that opens something now."""

    id: uuid.UUID
    name: str
    role: str
    read_only: bool
    project_id: uuid.UUID
    project_name: str
    last_used_at: datetime | None


@dataclass(frozen=True)
class ListedKey:
    id: uuid.UUID
    name: str
    role: str
    read_only: bool
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def key_lives(at: datetime) -> ColumnElement[bool]:
    return and_(
        ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at)
    )


def live_key(db: Session, secret_hash: str, at: datetime) -> KeyRow | None:
    row = db.execute(
        select(
            ApiKey.id,
            Principal.name,
            ApiKey.role,
            ApiKey.read_only,
            Project.id,
            Project.name,
            ApiKey.last_used_at,
        )
        .join(Principal, Principal.id == ApiKey.id)
        .join(Project, Project.id == ApiKey.project_id)
        .where(ApiKey.secret_hash == secret_hash, key_lives(at))
    ).first()
    return None if row is None else KeyRow(*row)


def live_keys(
    db: Session,
    project_id: uuid.UUID,
    at: datetime,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> list[ListedKey]:
    """A project's keys that open something, the newest first."""
    maker = aliased(Principal)
    asked = (
        select(
            ApiKey.id,
            Principal.name,
            ApiKey.role,
            ApiKey.read_only,
            maker.name,
            ApiKey.created_at,
            ApiKey.expires_at,
            ApiKey.last_used_at,
        )
        .join(Principal, Principal.id == ApiKey.id)
        .outerjoin(maker, maker.id == ApiKey.created_by)
        .where(ApiKey.project_id == project_id, key_lives(at))
        .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
        .limit(limit)
    )
    if after is not None:
        asked = asked.where(tuple_(ApiKey.created_at, ApiKey.id) < after)
    return [ListedKey(*row) for row in db.execute(asked)]


def revoke(db: Session, project_id: uuid.UUID, key_id: uuid.UUID, at: datetime) -> bool:
    """False if there is no such key in the project, or it was revoked before."""
    revoked = db.scalar(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.project_id == project_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=at)
        .returning(ApiKey.id)
    )
    return revoked is not None


def note_use(db: Session, key_id: uuid.UUID, at: datetime, unless_after: datetime) -> None:
    db.execute(
        update(ApiKey)
        .where(
            ApiKey.id == key_id,
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < unless_after),
        )
        .values(last_used_at=at)
    )
