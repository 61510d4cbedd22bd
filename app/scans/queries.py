"""SQL of scans and their shards as people see them.

`job_queries.py` holds what workers do to them, `score_queries.py` their results.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.scans.models import UNFINISHED, Scan, ScanStatus, Shard, ShardStatus


def scan(db: Session, project_id: uuid.UUID, scan_id: uuid.UUID) -> Scan | None:
    return db.scalar(select(Scan).where(Scan.project_id == project_id, Scan.id == scan_id))


def scans_newest_first(
    db: Session,
    project_id: uuid.UUID,
    *,
    dataset_id: uuid.UUID | None,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[Scan]:
    query = select(Scan).where(Scan.project_id == project_id)
    if dataset_id is not None:
        query = query.where(Scan.dataset_id == dataset_id)
    if after is not None:
        query = query.where(tuple_(Scan.created_at, Scan.id) < after)
    order = (Scan.created_at.desc(), Scan.id.desc())
    return db.scalars(query.order_by(*order).limit(limit)).all()


def latest_scan(db: Session, dataset_id: uuid.UUID, *, complete: bool) -> Scan | None:
    asked = select(Scan).where(Scan.dataset_id == dataset_id)
    if complete:
        asked = asked.where(Scan.status == ScanStatus.complete)
    return db.scalar(asked.order_by(Scan.created_at.desc(), Scan.id.desc()).limit(1))


def latest_canaries(db: Session, dataset_id: uuid.UUID) -> Row[uuid.UUID, dict[str, Any]] | None:
    """Id and summary of canaries, of the newest complete scan that has some."""
    return db.execute(
        select(Scan.id, Scan.summary["canaries"].label("canaries"))
        .where(
            Scan.dataset_id == dataset_id,
            Scan.status == ScanStatus.complete,
            Scan.canaries > 0,
        )
        .order_by(Scan.created_at.desc(), Scan.id.desc())
        .limit(1)
    ).one_or_none()


def progress_of(
    db: Session, scan_ids: Sequence[uuid.UUID], window_s: float
) -> dict[uuid.UUID, Row[uuid.UUID, int, int, int, int, int, datetime]]:
    """Counts over the shard rows of each scan, in one statement for any number of scans.

    Canaries are work, and no examples: their shards begin where the examples end.

    `recent` are those of shards that ended within the window before the database's clock, plus
    what leased shards have done; `left` are to be done; both with canaries. `at` is that clock.
    """
    size = Shard.stop - Shard.start
    done = Shard.status == ShardStatus.done
    examples = Shard.start < Scan.example_count
    recent = Shard.done_at > func.now() - timedelta(seconds=window_s)
    rows = db.execute(
        select(
            Shard.scan_id,
            func.count().label("shard_count"),
            func.count().filter(done).label("shards_done"),
            func.sum(case((done, size), else_=Shard.examples_done))
            .filter(examples)
            .label("examples_done"),
            func.sum(case((done & recent, size), (done, 0), else_=Shard.examples_done)).label(
                "recent"
            ),
            func.sum(case((done, 0), else_=size - Shard.examples_done)).label("left"),
            func.now().label("at"),
        )
        .join(Scan, Scan.id == Shard.scan_id)
        .where(Shard.scan_id.in_(scan_ids))
        .group_by(Shard.scan_id)
    )
    return {row.scan_id: row for row in rows}


def cancel_scan(db: Session, scan_id: uuid.UUID) -> bool:
    """Stop an unfinished scan; a worker that holds a shard learns it at its next renewal."""
    cancelled = db.scalar(
        update(Scan)
        .where(Scan.id == scan_id, Scan.status.in_(UNFINISHED))
        .values(
            status=ScanStatus.cancelled,
            finished_at=func.now(),
            lease_token=None,
            lease_expires_at=None,
        )
        .returning(Scan.id)
    )
    if cancelled is None:
        return False
    release_shards(db, scan_id)
    return True


def retry_scan(db: Session, scan_id: uuid.UUID) -> bool:
    """Put a failed or cancelled scan back to work; its finished shards stay finished."""
    retried = db.scalar(
        update(Scan)
        .where(Scan.id == scan_id, Scan.status.in_((ScanStatus.failed, ScanStatus.cancelled)))
        .values(
            status=ScanStatus.queued,
            failure=None,
            attempts=0,
            finished_at=None,
            lease_token=None,
            lease_expires_at=None,
            nudged_at=func.now(),
        )
        .returning(Scan.id)
    )
    if retried is None:
        return False
    release_shards(db, scan_id)
    return True


def release_shards(db: Session, scan_id: uuid.UUID) -> None:
    """Take all leases of a scan back and forget its shards' failures."""
    db.execute(
        update(Shard)
        .where(Shard.scan_id == scan_id, Shard.status != ShardStatus.done)
        .values(
            status=ShardStatus.pending,
            lease_token=None,
            lease_expires_at=None,
            attempts=0,
            examples_done=0,
        )
    )
