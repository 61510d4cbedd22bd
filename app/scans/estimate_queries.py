"""SQL of estimates: as people see them, and as the dry run leases them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from app.db import copy_csv
from app.scans.estimate_models import EstimateStatus, ScanEstimate
from app.scans.score_queries import SCORE_COLUMNS

_OPEN = ScanEstimate.status.in_((EstimateStatus.queued, EstimateStatus.running))
_UNHELD = or_(ScanEstimate.lease_token.is_(None), ScanEstimate.lease_expires_at < func.now())


def estimate(db: Session, project_id: uuid.UUID, estimate_id: uuid.UUID) -> ScanEstimate | None:
    return db.scalar(
        select(ScanEstimate).where(
            ScanEstimate.project_id == project_id, ScanEstimate.id == estimate_id
        )
    )


def delete_older(db: Session, project_id: uuid.UUID, age: timedelta) -> None:
    db.execute(
        delete(ScanEstimate).where(
            ScanEstimate.project_id == project_id, ScanEstimate.created_at < func.now() - age
        )
    )


def lease_estimate(
    db: Session, estimate_id: uuid.UUID, token: uuid.UUID, ttl_s: float
) -> ScanEstimate | None:
    return db.scalar(
        update(ScanEstimate)
        .where(ScanEstimate.id == estimate_id, _OPEN, _UNHELD)
        .values(
            status=EstimateStatus.running,
            lease_token=token,
            lease_expires_at=func.now() + timedelta(seconds=ttl_s),
            attempts=ScanEstimate.attempts + 1,
        )
        .returning(ScanEstimate)
    )


def renew_estimate(db: Session, estimate_id: uuid.UUID, token: uuid.UUID, ttl_s: float) -> bool:
    return bool(
        db.scalar(
            update(ScanEstimate)
            .where(ScanEstimate.id == estimate_id, ScanEstimate.lease_token == token)
            .values(lease_expires_at=func.now() + timedelta(seconds=ttl_s))
            .returning(ScanEstimate.id)
        )
    )


def release_estimate(db: Session, estimate_id: uuid.UUID, token: uuid.UUID) -> None:
    """Give the dry run back for another try, by whoever the sweep nudges."""
    db.execute(
        update(ScanEstimate)
        .where(ScanEstimate.id == estimate_id, ScanEstimate.lease_token == token)
        .values(
            status=EstimateStatus.queued, lease_token=None, lease_expires_at=None, nudged_at=None
        )
    )


def finish_estimate(
    db: Session,
    estimate_id: uuid.UUID,
    token: uuid.UUID,
    *,
    result: dict[str, Any] | None = None,
    failure: dict[str, Any] | None = None,
) -> bool:
    """Store how it ended, if the token still holds; says whether it did."""
    status = EstimateStatus.done if failure is None else EstimateStatus.failed
    return bool(
        db.scalar(
            update(ScanEstimate)
            .where(ScanEstimate.id == estimate_id, ScanEstimate.lease_token == token)
            .values(
                status=status,
                result=result,
                failure=failure,
                lease_token=None,
                lease_expires_at=None,
            )
            .returning(ScanEstimate.id)
        )
    )


# What the sweep looks for.


def forgotten_estimates(db: Session, silent_s: float) -> Sequence[uuid.UUID]:
    """Estimates to be made that nobody holds or was nudged about lately; marks them."""
    return db.scalars(
        update(ScanEstimate)
        .where(
            _OPEN,
            _UNHELD,
            or_(
                ScanEstimate.nudged_at.is_(None),
                ScanEstimate.nudged_at < func.now() - timedelta(seconds=silent_s),
            ),
        )
        .values(nudged_at=func.now())
        .returning(ScanEstimate.id)
    ).all()


def fail_exhausted(db: Session, max_attempts: int, failure: dict[str, Any]) -> Sequence[uuid.UUID]:
    """Fail those that had all their tries and are held by nobody."""
    return db.scalars(
        update(ScanEstimate)
        .where(_OPEN, _UNHELD, ScanEstimate.attempts >= max_attempts)
        .values(
            status=EstimateStatus.failed, failure=failure, lease_token=None, lease_expires_at=None
        )
        .returning(ScanEstimate.id)
    ).all()


def rehearse_scores(db: Session, rows: Iterable[bytes]) -> int:
    """COPY score rows into a table like `scores` that this transaction alone sees.

    Returns:
        The bytes that they take, with their indexes.
    """
    db.execute(
        text("CREATE TEMP TABLE rehearsed_scores (LIKE scores INCLUDING INDEXES) ON COMMIT DROP")
    )
    copy_csv(db, "rehearsed_scores", SCORE_COLUMNS, rows)
    return int(db.scalar(text("SELECT pg_total_relation_size('rehearsed_scores')")) or 0)
