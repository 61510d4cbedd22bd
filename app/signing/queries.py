"""SQL of signing keys."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.signing.models import SigningKey


def hold(db: Session) -> None:
    """Until the transaction ends nobody else makes or retires a key."""
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("signing key", 0))))


def active(db: Session) -> SigningKey | None:
    return db.scalar(select(SigningKey).where(SigningKey.retired_at.is_(None)))


def keys(db: Session) -> Sequence[SigningKey]:
    """The one that signs first, then those retired, the latest first."""
    order = (SigningKey.retired_at.desc().nulls_first(), SigningKey.id)
    return db.scalars(select(SigningKey).order_by(*order)).all()


def retire(db: Session) -> None:
    """Forget the private part of the key that signs, and keep the public one."""
    db.execute(
        update(SigningKey)
        .where(SigningKey.retired_at.is_(None))
        .values(retired_at=func.now(), private_key=None)
    )
