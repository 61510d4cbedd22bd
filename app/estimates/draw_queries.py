"""SQL of the pool that audits are drawn from. See `AuditPool` for who waits for whom."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import ARRAY, Integer, Row, bindparam, text
from sqlalchemy.orm import Session

POOL_KEY = "hashtextextended('audit pool ' || queue.dataset_id, 0)"
"""What whoever comes to a queue locks for share, as SQL: a pool is made while nobody decides."""

_LOCK = text("SELECT draws FROM audit_pools WHERE dataset_id = :dataset FOR UPDATE")


def lock_pool(db: Session, dataset_id: uuid.UUID) -> int | None:
    """How many were drawn so far; until the transaction ends nothing leaves the pool."""
    return db.execute(_LOCK, {"dataset": dataset_id}).scalar()


_SHARE = text("SELECT draws FROM audit_pools WHERE dataset_id = :dataset FOR SHARE")


def share_pool(db: Session, dataset_id: uuid.UUID) -> None:
    db.execute(_SHARE, {"dataset": dataset_id})


_HAS_POOL = text("SELECT EXISTS (SELECT FROM audit_pools WHERE dataset_id = :dataset)")


def has_pool(db: Session, dataset_id: uuid.UUID) -> bool:
    return bool(db.execute(_HAS_POOL, {"dataset": dataset_id}).scalar_one())


_WAIT = text(f"""
    SELECT pg_advisory_xact_lock({POOL_KEY})
    FROM (SELECT CAST(:dataset AS uuid) AS dataset_id) queue
""")  # noqa: S608 - no values in it
_ADD_POOL = text("""
    WITH pool AS (
        INSERT INTO audit_pools (dataset_id, made_at) VALUES (:dataset, now())
        ON CONFLICT DO NOTHING RETURNING dataset_id, draws
    )
    INSERT INTO reviewed_examples (dataset_id, position, left_after)
    SELECT DISTINCT pool.dataset_id, item.position, pool.draws
    FROM pool
    JOIN review_queues queue ON queue.dataset_id = pool.dataset_id
    JOIN review_items item ON item.queue_id = queue.id
    WHERE item.outcome IS NOT NULL AND item.role <> 'canary'
""")


def add_pool(db: Session, dataset_id: uuid.UUID) -> None:
    """Begin to keep what is reviewed of a dataset, unless it is kept; with all that was before.

    Whoever decides something of the dataset at this moment is waited for, and then waits.
    """
    if has_pool(db, dataset_id):
        return
    db.execute(_WAIT, {"dataset": dataset_id})
    db.execute(_ADD_POOL, {"dataset": dataset_id})


_POOL = text("""
    SELECT dataset.example_count AS examples,
        (SELECT count(*) FROM reviewed_examples WHERE dataset_id = :dataset) AS reviewed,
        (SELECT count(*) FROM audit_draws draw WHERE draw.dataset_id = :dataset AND NOT EXISTS (
            SELECT FROM reviewed_examples reviewed WHERE reviewed.dataset_id = :dataset
                AND reviewed.position = draw.position
        )) AS pending
    FROM datasets dataset WHERE dataset.id = :dataset
""")


def counts(db: Session, dataset_id: uuid.UUID) -> Row[int, int, int]:
    """How many examples the dataset has, how many of them are reviewed, and how many only drawn."""
    return db.execute(_POOL, {"dataset": dataset_id}).one()


_IS_IN_POOL = """
    NOT EXISTS (SELECT FROM reviewed_examples reviewed
        WHERE reviewed.dataset_id = :dataset AND reviewed.position = tried.position)
    AND NOT EXISTS (SELECT FROM audit_draws draw
        WHERE draw.dataset_id = :dataset AND draw.position = tried.position)
"""
_FIRST = text(f"""
    SELECT tried.position FROM unnest(:positions) WITH ORDINALITY AS tried(position, turn)
    WHERE {_IS_IN_POOL} ORDER BY tried.turn LIMIT 1
""").bindparams(bindparam("positions", type_=ARRAY(Integer)))  # noqa: S608 - no values in it


def first_in_pool(db: Session, dataset_id: uuid.UUID, positions: Sequence[int]) -> int | None:
    """The first of the positions that is in the pool."""
    values = {"dataset": dataset_id, "positions": list(positions)}
    return db.execute(_FIRST, values).scalar()


_AT = text(f"""
    SELECT tried.position FROM examples tried
    WHERE tried.dataset_id = :dataset AND {_IS_IN_POOL}
    ORDER BY tried.position OFFSET :index LIMIT 1
""")  # noqa: S608


def in_pool_at(db: Session, dataset_id: uuid.UUID, index: int) -> int:
    """The position of what is in the pool, by its index there. Reads the dataset up to it."""
    return int(db.execute(_AT, {"dataset": dataset_id, "index": index}).scalar_one())


_RECORD = text("""
    WITH pool AS (
        UPDATE audit_pools SET draws = draws + 1 WHERE dataset_id = :dataset RETURNING draws
    )
    INSERT INTO audit_draws (dataset_id, number, position, queue_id, unreviewed, drawn_at)
    SELECT :dataset, draws, :position, :queue, :unreviewed, clock_timestamp() FROM pool
    RETURNING number
""")


def record(
    db: Session, dataset_id: uuid.UUID, queue_id: uuid.UUID, position: int, unreviewed: int
) -> int:
    """Write a draw down; returns its number."""
    values = {
        "dataset": dataset_id,
        "queue": queue_id,
        "position": position,
        "unreviewed": unreviewed,
    }
    return int(db.execute(_RECORD, values).scalar_one())
