"""Buckets of sign-in attempts, each a row with the moment when it is full again.

An attempt moves that moment on by the time one attempt takes to come back; it is refused if the
bucket would need longer than all its attempts take. So one number says all, and one statement
both asks and takes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.access.models import SignInLimit


def take(
    db: Session, bucket: str, attempts: int, refill: timedelta, at: datetime
) -> timedelta | None:
    """Take one attempt; None if there was one, else how long until there is."""
    full_at = func.greatest(SignInLimit.full_at, at) + refill
    taken = db.scalar(
        insert(SignInLimit)
        .values(bucket=bucket, full_at=at + refill)
        .on_conflict_do_update(
            index_elements=["bucket"],
            set_={"full_at": full_at},
            where=full_at <= at + attempts * refill,
        )
        .returning(SignInLimit.full_at)
    )
    if taken is not None:
        return None
    full = db.scalars(select(SignInLimit.full_at).where(SignInLimit.bucket == bucket)).one()
    return full + refill - (at + attempts * refill)


def put_back(db: Session, bucket: str, refill: timedelta) -> None:
    db.execute(
        update(SignInLimit)
        .where(SignInLimit.bucket == bucket)
        .values(full_at=SignInLimit.full_at - refill)
    )


def drop_full_buckets(db: Session, at: datetime) -> None:
    """Full buckets say nothing; a few at a time, so that names tried once do not pile up."""
    full = (
        select(SignInLimit.bucket)
        .where(SignInLimit.full_at < at)
        .order_by(SignInLimit.full_at)
        .limit(20)
        .with_for_update(skip_locked=True)
    )
    db.execute(delete(SignInLimit).where(SignInLimit.bucket.in_(full)))
