"""SQL of small jobs, the same for each of their tables: leases, ends, what the sweep looks for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, delete, func, or_, update
from sqlalchemy.orm import Session

from app.jobs.models import Job, JobStatus

Kind = TypeVar("Kind", bound=Job)


def _is_open(kind: type[Job]) -> ColumnElement[bool]:
    return kind.status.in_((JobStatus.queued, JobStatus.running))


def _is_unheld(kind: type[Job]) -> ColumnElement[bool]:
    return or_(kind.lease_token.is_(None), kind.lease_expires_at < func.now())


def lease_job(
    db: Session, kind: type[Kind], job_id: uuid.UUID, token: uuid.UUID, ttl_s: float
) -> Kind | None:
    """Take an open job that nobody holds."""
    return db.scalar(
        update(kind)
        .where(kind.id == job_id, _is_open(kind), _is_unheld(kind))
        .values(
            status=JobStatus.running,
            lease_token=token,
            lease_expires_at=func.now() + timedelta(seconds=ttl_s),
            attempts=kind.attempts + 1,
        )
        .returning(kind)
    )


def renew_job(
    db: Session, kind: type[Job], job_id: uuid.UUID, token: uuid.UUID, ttl_s: float
) -> bool:
    return bool(
        db.scalar(
            update(kind)
            .where(kind.id == job_id, kind.lease_token == token)
            .values(lease_expires_at=func.now() + timedelta(seconds=ttl_s))
            .returning(kind.id)
        )
    )


def release_job(db: Session, kind: type[Job], job_id: uuid.UUID, token: uuid.UUID) -> None:
    """Give a job back for another try, by whoever the sweep nudges."""
    db.execute(
        update(kind)
        .where(kind.id == job_id, kind.lease_token == token)
        .values(status=JobStatus.queued, lease_token=None, lease_expires_at=None, nudged_at=None)
    )


def finish_job(
    db: Session,
    kind: type[Job],
    job_id: uuid.UUID,
    token: uuid.UUID,
    *,
    result: dict[str, Any] | None = None,
    failure: dict[str, Any] | None = None,
) -> bool:
    """Store how a job ended, if the token still holds; says whether it did."""
    return bool(
        db.scalar(
            update(kind)
            .where(kind.id == job_id, kind.lease_token == token)
            .values(
                status=JobStatus.done if failure is None else JobStatus.failed,
                result=result,
                failure=failure,
                lease_token=None,
                lease_expires_at=None,
            )
            .returning(kind.id)
        )
    )


def delete_older_jobs(db: Session, kind: type[Job], project_id: uuid.UUID, age: timedelta) -> None:
    db.execute(
        delete(kind).where(kind.project_id == project_id, kind.created_at < func.now() - age)
    )


# What the sweep looks for.


def forgotten_jobs(db: Session, kind: type[Job], silent_s: float) -> Sequence[uuid.UUID]:
    """Open jobs that nobody holds or was nudged about lately; marks them."""
    return db.scalars(
        update(kind)
        .where(
            _is_open(kind),
            _is_unheld(kind),
            or_(
                kind.nudged_at.is_(None),
                kind.nudged_at < func.now() - timedelta(seconds=silent_s),
            ),
        )
        .values(nudged_at=func.now())
        .returning(kind.id)
    ).all()


def fail_exhausted_jobs(
    db: Session, kind: type[Job], max_attempts: int, failure: dict[str, Any]
) -> Sequence[uuid.UUID]:
    """Fail those that had all their tries and are held by nobody."""
    return db.scalars(
        update(kind)
        .where(_is_open(kind), _is_unheld(kind), kind.attempts >= max_attempts)
        .values(status=JobStatus.failed, failure=failure, lease_token=None, lease_expires_at=None)
        .returning(kind.id)
    ).all()
