"""SQL of the sweep: what of scans was forgotten, by their workers or by the broker."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row, exists, func, literal, null, or_, select, update
from sqlalchemy.orm import Session

from app.scans.job_queries import UNHELD
from app.scans.models import Scan, ScanStatus, Shard, ShardStatus


def free_expired_shards(db: Session) -> int:
    """Shards whose worker fell silent become pending again; returns how many."""
    freed = db.scalars(
        update(Shard)
        .where(Shard.status == ShardStatus.leased, Shard.lease_expires_at < func.now())
        .values(
            status=ShardStatus.pending, lease_token=None, lease_expires_at=None, examples_done=0
        )
        .returning(literal(1))
    )
    return len(freed.all())


def exhausted_shards(db: Session, max_attempts: int) -> Sequence[Shard]:
    """Free shards of running scans that had all their tries."""
    return db.scalars(
        select(Shard)
        .join(Scan, Scan.id == Shard.scan_id)
        .where(
            Scan.status == ScanStatus.running,
            Shard.status == ShardStatus.pending,
            Shard.attempts >= max_attempts,
        )
        .order_by(Shard.scan_id, Shard.number)
    ).all()


def starved_scans(
    db: Session, max_attempts: int, silent_s: float, *, queue_is_empty: bool
) -> Sequence[tuple[uuid.UUID, int]]:
    """Running scans whose open shards no message asks for any more; marks them as nudged.

    That is so for all when the queue is empty; for a scan among others in a full queue, when
    nobody holds a shard of it and it was not nudged lately.

    Returns:
        Scan and its number of open shards.
    """
    open_shards = (
        select(func.count())
        .where(
            Shard.scan_id == Scan.id,
            Shard.status == ShardStatus.pending,
            Shard.attempts < max_attempts,
        )
        .scalar_subquery()
    )
    query = (
        update(Scan)
        .where(Scan.status == ScanStatus.running, open_shards > 0)
        .values(nudged_at=func.now())
        .returning(Scan.id, open_shards)
    )
    if not queue_is_empty:
        held = exists().where(Shard.scan_id == Scan.id, Shard.status == ShardStatus.leased)
        query = query.where(~held, Scan.nudged_at < func.now() - timedelta(seconds=silent_s))
    return [(row[0], row[1]) for row in db.execute(query)]


def running_scans(db: Session) -> Sequence[uuid.UUID]:
    return db.scalars(select(Scan.id).where(Scan.status == ScanStatus.running)).all()


def forgotten_scans(db: Session, phase: ScanStatus, silent_s: float) -> Sequence[uuid.UUID]:
    """Scans to be planned or finalised that nobody holds or was nudged about lately; marks them."""
    return db.scalars(
        update(Scan)
        .where(
            Scan.status == phase,
            UNHELD,
            or_(
                Scan.nudged_at.is_(None),
                Scan.nudged_at < func.now() - timedelta(seconds=silent_s),
            ),
        )
        .values(nudged_at=func.now())
        .returning(Scan.id)
    ).all()


def exhausted_scans(db: Session, max_attempts: int) -> Sequence[Scan]:
    """Scans whose planning or finalising had all its tries and is held by nobody."""
    return db.scalars(
        select(Scan).where(
            Scan.status.in_((ScanStatus.queued, ScanStatus.finalising)),
            Scan.attempts >= max_attempts,
            UNHELD,
        )
    ).all()


def scans_since(
    db: Session, since: datetime | None, after: uuid.UUID | None, limit: int
) -> Sequence[uuid.UUID]:
    """Scans that are not over, or were not at `since`; by id, those after one."""
    query = select(Scan.id).order_by(Scan.id).limit(limit)
    if since is not None:
        query = query.where(or_(Scan.finished_at.is_(None), Scan.finished_at >= since))
    return db.scalars(query if after is None else query.where(Scan.id > after)).all()


def artifacts_and_leases(
    db: Session, scan_id: uuid.UUID
) -> Sequence[Row[str | None, uuid.UUID | None]]:
    """Names that count and tokens of leases, of a scan and its shards.

    One statement, and so one moment: a commit turns a token into a name.
    """
    shards = select(Shard.artifact, Shard.lease_token).where(Shard.scan_id == scan_id)
    scan = select(Scan.sketches, Scan.lease_token).where(Scan.id == scan_id)
    reuse = select(Scan.reuse["artifact"].astext, null()).where(Scan.id == scan_id)
    planted = select(Scan.planted, null()).where(Scan.id == scan_id)
    return db.execute(shards.union_all(scan, reuse, planted)).all()
