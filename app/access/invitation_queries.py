"""Every SQL statement about invitations."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, tuple_, update
from sqlalchemy.orm import Session

from app.access.models import Invitation, Principal
from app.projects.models import Project


@dataclass(frozen=True)
class InvitationRow:
    id: uuid.UUID
    role: str
    email: str | None
    created_at: datetime
    expires_at: datetime
    created_by: str | None
    project_id: uuid.UUID
    project_name: str


def _is_open(at: datetime) -> ColumnElement[bool]:
    return and_(
        Invitation.used_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > at,
    )


_ROW = (
    select(
        Invitation.id,
        Invitation.role,
        Invitation.email,
        Invitation.created_at,
        Invitation.expires_at,
        Principal.name,
        Project.id,
        Project.name,
    )
    .join(Project, Project.id == Invitation.project_id)
    .outerjoin(Principal, Principal.id == Invitation.created_by)
)


def open_invitation(db: Session, secret_hash: str, at: datetime) -> InvitationRow | None:
    row = db.execute(_ROW.where(Invitation.secret_hash == secret_hash, _is_open(at))).first()
    return None if row is None else InvitationRow(*row)


def open_invitations(
    db: Session,
    project_id: uuid.UUID,
    at: datetime,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> list[InvitationRow]:
    """Those that can still be used, the newest first."""
    asked = (
        _ROW.where(Invitation.project_id == project_id, _is_open(at))
        .order_by(Invitation.created_at.desc(), Invitation.id.desc())
        .limit(limit)
    )
    if after is not None:
        asked = asked.where(tuple_(Invitation.created_at, Invitation.id) < after)
    return [InvitationRow(*row) for row in db.execute(asked)]


def spend(db: Session, invitation_id: uuid.UUID, person_id: uuid.UUID, at: datetime) -> bool:
    """Mark an invitation used; False if somebody was faster, or it has ended."""
    spent = db.scalar(
        update(Invitation)
        .where(Invitation.id == invitation_id, _is_open(at))
        .values(used_at=at, used_by=person_id)
        .returning(Invitation.id)
    )
    return spent is not None


def revoke(db: Session, project_id: uuid.UUID, invitation_id: uuid.UUID, at: datetime) -> bool:
    """False if there is no open one of this id in the project."""
    revoked = db.scalar(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.project_id == project_id, _is_open(at))
        .values(revoked_at=at)
        .returning(Invitation.id)
    )
    return revoked is not None
