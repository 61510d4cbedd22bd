"""Every SQL statement about sign-in through a provider."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.access.models import Identity, Invitation, OidcFlow


def take_flow(
    db: Session, state_hash: str, browser_hash: str, at: datetime
) -> tuple[str, str, str] | None:
    """Nonce, code verifier and where to go on; the row is gone after, so a state works once."""
    row = db.execute(
        delete(OidcFlow)
        .where(
            OidcFlow.state_hash == state_hash,
            OidcFlow.browser_hash == browser_hash,
            OidcFlow.expires_at > at,
        )
        .returning(OidcFlow.nonce, OidcFlow.code_verifier, OidcFlow.following)
    ).first()
    return None if row is None else (row[0], row[1], row[2])


def drop_expired_flows(db: Session, at: datetime) -> None:
    """A few at a time, so that browsers that never come back do not pile up."""
    expired = (
        select(OidcFlow.state_hash)
        .where(OidcFlow.expires_at < at)
        .limit(20)
        .with_for_update(skip_locked=True)
    )
    db.execute(delete(OidcFlow).where(OidcFlow.state_hash.in_(expired)))


def person_id_of(db: Session, issuer: str, subject: str) -> uuid.UUID | None:
    return db.scalar(
        select(Identity.person_id).where(Identity.issuer == issuer, Identity.subject == subject)
    )


def remember_identity(db: Session, issuer: str, subject: str, person_id: uuid.UUID) -> None:
    db.execute(
        insert(Identity)
        .values(issuer=issuer, subject=subject, person_id=person_id)
        .on_conflict_do_nothing()
    )


def open_invitations_to(db: Session, email: str, at: datetime) -> list[Invitation]:
    """Those that name the address, locked, the oldest first."""
    return list(
        db.scalars(
            select(Invitation)
            .where(
                Invitation.email == email,
                Invitation.used_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > at,
            )
            .order_by(Invitation.created_at)
            .with_for_update()
        )
    )
