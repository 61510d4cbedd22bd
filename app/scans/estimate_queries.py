"""SQL of estimates: as people see them, and of the rehearsal. Their leases are any small job's."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import Row, null, select, text
from sqlalchemy.orm import Session

from app.db import copy_csv
from app.scans.estimate_models import ScanEstimate
from app.scans.score_queries import SCORE_COLUMNS


def estimate(db: Session, project_id: uuid.UUID, estimate_id: uuid.UUID) -> ScanEstimate | None:
    return db.scalar(
        select(ScanEstimate).where(
            ScanEstimate.project_id == project_id, ScanEstimate.id == estimate_id
        )
    )


def leases(db: Session) -> Sequence[Row[None, uuid.UUID | None]]:
    """No names, as no estimate keeps an artifact; and the tokens of leases."""
    held = ScanEstimate.lease_token.is_not(None)
    return db.execute(select(null(), ScanEstimate.lease_token).where(held)).all()


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
