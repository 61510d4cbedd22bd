"""SQL of scan jobs: planning, leases of shards, finalising. The sweep's is in `sweep_queries.py`.

Every decision is one conditional statement on the row that it decides about, with the
database's own clock; the caller looks at whether a row came back. A lease's token is what
proves that its holder is still the holder.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.scans.models import UNFINISHED, Scan, ScanStatus, Shard, ShardStatus

UNHELD = or_(Scan.lease_token.is_(None), Scan.lease_expires_at < func.now())


def _until(ttl_s: float) -> Any:
    return func.now() + timedelta(seconds=ttl_s)


def scan_by_id(db: Session, scan_id: uuid.UUID) -> Scan | None:
    return db.get(Scan, scan_id)


def ended_scan(db: Session, scan_id: uuid.UUID) -> Scan:
    """A scan that is over, as this transaction has left it."""
    return db.scalars(
        select(Scan).where(Scan.id == scan_id).execution_options(populate_existing=True)
    ).one()


def lease_scan(
    db: Session, scan_id: uuid.UUID, phase: ScanStatus, token: uuid.UUID, ttl_s: float
) -> Scan | None:
    """Take the scan's own job of this phase (queued: plan it; finalising: finalise it)."""
    return db.scalar(
        update(Scan)
        .where(Scan.id == scan_id, Scan.status == phase, UNHELD)
        .values(lease_token=token, lease_expires_at=_until(ttl_s), attempts=Scan.attempts + 1)
        .returning(Scan)
    )


def renew_scan(db: Session, scan_id: uuid.UUID, token: uuid.UUID, ttl_s: float) -> bool:
    return bool(
        db.scalar(
            update(Scan)
            .where(Scan.id == scan_id, Scan.lease_token == token)
            .values(lease_expires_at=_until(ttl_s))
            .returning(Scan.id)
        )
    )


def release_scan(db: Session, scan_id: uuid.UUID, token: uuid.UUID) -> None:
    """Give planning or finalising back for another try, by whoever the sweep nudges."""
    db.execute(
        update(Scan)
        .where(Scan.id == scan_id, Scan.lease_token == token)
        .values(lease_token=None, lease_expires_at=None, nudged_at=None)
    )


def finish_phase(
    db: Session,
    scan_id: uuid.UUID,
    phase: ScanStatus,
    token: uuid.UUID,
    values: dict[str, Any],
) -> bool:
    """Move the scan on if the token still holds in this phase; says whether it did."""
    return bool(
        db.scalar(
            update(Scan)
            .where(Scan.id == scan_id, Scan.status == phase, Scan.lease_token == token)
            .values(lease_token=None, lease_expires_at=None, attempts=0, **values)
            .returning(Scan.id)
        )
    )


def add_shards(db: Session, scan_id: uuid.UUID, ranges: Sequence[tuple[int, int]]) -> None:
    """Planned shards; those of an earlier plan (a retried scan) stay as they are."""
    if not ranges:
        return
    rows = [
        {"scan_id": scan_id, "number": number, "start": start, "stop": stop}
        for number, (start, stop) in enumerate(ranges)
    ]
    db.execute(insert(Shard).on_conflict_do_nothing(), rows)


def lease_next_shard(
    db: Session, scan_id: uuid.UUID, token: uuid.UUID, worker: str, ttl_s: float, max_attempts: int
) -> Shard | None:
    """Take any shard of a running scan that is free or whose lease ran out."""
    free = (
        select(Shard.number)
        .join(Scan, Scan.id == Shard.scan_id)
        .where(
            Shard.scan_id == scan_id,
            Scan.status == ScanStatus.running,
            Shard.status != ShardStatus.done,
            Shard.attempts < max_attempts,
            or_(Shard.status == ShardStatus.pending, Shard.lease_expires_at < func.now()),
        )
        .order_by(Shard.number)
        .limit(1)
        .with_for_update(skip_locked=True, of=Shard)
        .scalar_subquery()
    )
    return db.scalar(
        update(Shard)
        .where(Shard.scan_id == scan_id, Shard.number == free)
        .values(
            status=ShardStatus.leased,
            lease_token=token,
            lease_expires_at=_until(ttl_s),
            attempts=Shard.attempts + 1,
            examples_done=0,
            worker=worker,
        )
        .returning(Shard)
    )


def renew_shard(
    db: Session, scan_id: uuid.UUID, number: int, token: uuid.UUID, ttl_s: float, done: int
) -> bool:
    return bool(
        db.scalar(
            update(Shard)
            .where(
                Shard.scan_id == scan_id,
                Shard.number == number,
                Shard.lease_token == token,
                Shard.status == ShardStatus.leased,
            )
            .values(lease_expires_at=_until(ttl_s), examples_done=done)
            .returning(literal(1))
        )
    )


class ShardResult(NamedTuple):
    """What a worker made of a shard: artifact, device (None: nothing was computed), results
    computed (example by checkpoint), and the engine's time for them.
    """

    artifact: str
    device: str | None
    computed: int
    engine_seconds: float


def commit_shard(
    db: Session, scan_id: uuid.UUID, number: int, token: uuid.UUID, result: ShardResult
) -> bool:
    """The one statement that makes a shard's result count; only the token's holder can."""
    running = exists().where(Scan.id == scan_id, Scan.status == ScanStatus.running)
    return bool(
        db.scalar(
            update(Shard)
            .where(
                Shard.scan_id == scan_id,
                Shard.number == number,
                Shard.lease_token == token,
                Shard.status == ShardStatus.leased,
                running,
            )
            .values(
                status=ShardStatus.done,
                artifact=result.artifact,
                device=result.device,
                computed=result.computed,
                engine_seconds=result.engine_seconds,
                examples_done=Shard.stop - Shard.start,
                lease_token=None,
                lease_expires_at=None,
                last_error=None,
                done_at=func.now(),
            )
            .returning(literal(1))
        )
    )


def devices_of(db: Session, scan_id: uuid.UUID) -> Sequence[str]:
    """Where the shards were scored, each device once."""
    query = select(Shard.device).where(Shard.scan_id == scan_id, Shard.device.is_not(None))
    return [device for device in db.scalars(query.distinct().order_by(Shard.device)) if device]


def work_done(db: Session, scan_id: uuid.UUID) -> tuple[int, float]:
    """Results computed for the scan itself, and the engine's seconds for them."""
    row = db.execute(
        select(
            func.sum(Shard.computed),
            func.sum(Shard.engine_seconds),
        ).where(Shard.scan_id == scan_id)
    ).one()
    return int(row[0] or 0), float(row[1] or 0)


def settle_scan(db: Session, scan: Scan, token: uuid.UUID) -> None:
    """Store what planning found out before anything is computed: layers, engine key, summary."""
    db.execute(
        update(Scan)
        .where(Scan.id == scan.id, Scan.lease_token == token)
        .values(engine_key=scan.engine_key, layers=scan.layers, summary=scan.summary)
    )


def scans_with_results(db: Session, scan: Scan, limit: int) -> Sequence[Scan]:
    """Other scans of the project with the same engine key and a finished shard, newest first."""
    done = exists().where(Shard.scan_id == Scan.id, Shard.status == ShardStatus.done)
    return db.scalars(
        select(Scan)
        .where(
            Scan.project_id == scan.project_id,
            Scan.engine_key == scan.engine_key,
            Scan.id != scan.id,
            done,
        )
        .order_by(Scan.created_at.desc(), Scan.id)
        .limit(limit)
    ).all()


def has_shards(db: Session, scan_id: uuid.UUID) -> bool:
    return bool(db.scalar(select(exists().where(Shard.scan_id == scan_id))))


def shard_artifact(db: Session, scan_id: uuid.UUID, number: int) -> str | None:
    return db.scalar(select(Shard.artifact).where(Shard.scan_id == scan_id, Shard.number == number))


def release_shard(
    db: Session, scan_id: uuid.UUID, number: int, token: uuid.UUID, error: str
) -> bool:
    """Give a shard back after an error, with the reason, for another try."""
    return bool(
        db.scalar(
            update(Shard)
            .where(Shard.scan_id == scan_id, Shard.number == number, Shard.lease_token == token)
            .values(
                status=ShardStatus.pending,
                lease_token=None,
                lease_expires_at=None,
                examples_done=0,
                last_error=error,
            )
            .returning(literal(1))
        )
    )


def begin_finalising(db: Session, scan_id: uuid.UUID) -> bool:
    """Move a running scan on when all its shards are done; true for one caller only."""
    unfinished = exists().where(Shard.scan_id == scan_id, Shard.status != ShardStatus.done)
    return bool(
        db.scalar(
            update(Scan)
            .where(Scan.id == scan_id, Scan.status == ScanStatus.running, ~unfinished)
            .values(status=ScanStatus.finalising, attempts=0, nudged_at=func.now())
            .returning(Scan.id)
        )
    )


def shards_done(db: Session, scan_id: uuid.UUID) -> Sequence[tuple[int, int, str]]:
    """Start, stop and artifact of each finished shard, in order."""
    rows = db.execute(
        select(Shard.start, Shard.stop, Shard.artifact)
        .where(Shard.scan_id == scan_id, Shard.status == ShardStatus.done)
        .order_by(Shard.number)
    )
    return [(row.start, row.stop, row.artifact or "") for row in rows]


def pending_shards(db: Session, scan_id: uuid.UUID) -> int:
    return (
        db.scalar(
            select(func.count()).where(
                Shard.scan_id == scan_id, Shard.status == ShardStatus.pending
            )
        )
        or 0
    )


def fail_scan(db: Session, scan_id: uuid.UUID, failure: dict[str, Any]) -> bool:
    """Fail an unfinished scan with its reason; says whether this call did."""
    return bool(
        db.scalar(
            update(Scan)
            .where(Scan.id == scan_id, Scan.status.in_(UNFINISHED))
            .values(
                status=ScanStatus.failed,
                failure=failure,
                finished_at=func.now(),
                lease_token=None,
                lease_expires_at=None,
            )
            .returning(Scan.id)
        )
    )
