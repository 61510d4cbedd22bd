"""SQL of what is mixed into a queue: audits, as they are drawn, and canaries."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.reviews.at_queue import QueueRules
from app.reviews.claim_queries import ITEM
from app.reviews.models import ItemRole

_COUNT_AUDIT = text("""
    UPDATE review_queues SET audits_drawn = audits_drawn + 1
    WHERE id = :queue AND audits_drawn < audits RETURNING id
""")


def count_audit(db: Session, queue_id: uuid.UUID) -> bool:
    """Whether one more is planned; it counts as drawn."""
    return db.execute(_COUNT_AUDIT, {"queue": queue_id}).first() is not None


_END_AUDITS = text("""
    UPDATE review_queues SET audits_drawn = audits_drawn - 1, audits = audits_drawn - 1
    WHERE id = :queue
""")


def end_audits(db: Session, queue_id: uuid.UUID) -> None:
    """The one just counted was not there to draw: no more are planned than were drawn."""
    db.execute(_END_AUDITS, {"queue": queue_id})


_COUNT_CANARY = text("""
    UPDATE review_queues SET canaries_made = canaries_made + 1
    WHERE id = :queue AND canaries_made < canaries RETURNING id
""")


def count_canary(db: Session, queue_id: uuid.UUID) -> bool:
    return db.execute(_COUNT_CANARY, {"queue": queue_id}).first() is not None


_FIRST_PLACE = """
    (SELECT least(min(first.place), 1) - 1 FROM review_items first WHERE first.queue_id = :queue)
"""
_CLAIM = """
    INSERT INTO review_claims
        (queue_id, principal_id, position, claimed_at, expires_at, adjudicates)
    SELECT :queue, :me, position, now(), now() + make_interval(secs => :ttl_s), false
"""
_CLAIMED = f"""
    SELECT {ITEM}, now() + make_interval(secs => :ttl_s) AS expires_at, false AS adjudicates
"""

_ADD_ITEM = text(f"""
    WITH item AS (
        INSERT INTO review_items (queue_id, position, place, role, given_label, seats, freed_at)
        SELECT :queue, example.position, {_FIRST_PLACE}, :role,
            coalesce(CAST(:given AS integer), example.given_label), :overlap - 1,
            CASE WHEN :overlap > 1 THEN clock_timestamp() END
        FROM examples example
        WHERE example.dataset_id = :dataset AND example.position = :position
            -- Only the pool's holder adds items. ON CONFLICT would wait for who changes that one.
            AND NOT EXISTS (
                SELECT FROM review_items there
                WHERE there.queue_id = :queue AND there.position = :position
            )
        RETURNING *
    ),
    counted AS (
        UPDATE review_queues SET mixed_in = mixed_in + 1
        WHERE id = :queue AND EXISTS (SELECT FROM item)
    ),
    held AS ({_CLAIM} FROM item)
    {_CLAIMED} FROM item
    JOIN examples example ON example.dataset_id = :dataset AND example.position = item.position
""")  # noqa: S608 - no values in it


def add_item(
    db: Session,
    queue: QueueRules,
    me: uuid.UUID,
    position: int,
    role: ItemRole,
    given: int | None = None,
) -> Sequence[Row[Any]]:
    """Make an item and claim it; empty if the queue has one of this example.

    Args:
        given: the label to be judged, in the place of the example's own.
    """
    values = _values(queue, me, position) | {"role": role.value, "given": given}
    return db.execute(_ADD_ITEM, values | {"overlap": queue.overlap}).all()


def _values(queue: QueueRules, me: uuid.UUID, position: int) -> dict[str, Any]:
    return {
        "queue": queue.id,
        "dataset": queue.dataset_id,
        "me": me,
        "position": position,
        "ttl_s": queue.claim_ttl_s,
    }


# Only tried: who holds the lock is at it, and may wait for the pool.
_MOVE_AHEAD = text(f"""
    WITH found AS MATERIALIZED (
        SELECT item.position, item.seats > 0
            AND NOT EXISTS (
                SELECT FROM review_votes vote WHERE vote.queue_id = :queue
                    AND vote.position = item.position AND vote.principal_id = :me
            )
            AND NOT EXISTS (
                SELECT FROM review_claims claim WHERE claim.queue_id = :queue
                    AND claim.position = item.position AND claim.principal_id = :me
            ) AS is_taken
        FROM review_items item
        WHERE item.queue_id = :queue AND item.position = :position AND item.state = 'open'
        FOR UPDATE OF item SKIP LOCKED
    ),
    moved AS (
        UPDATE review_items item SET place = {_FIRST_PLACE}, freed_at = clock_timestamp(),
            seats = item.seats - CAST(found.is_taken AS integer)
        FROM found WHERE item.queue_id = :queue AND item.position = found.position
        RETURNING item.*, found.is_taken
    ),
    item AS (SELECT * FROM moved WHERE is_taken),
    held AS ({_CLAIM} FROM item)
    {_CLAIMED} FROM item
    JOIN examples example ON example.dataset_id = :dataset AND example.position = item.position
""")  # noqa: S608 - no values in it


def move_ahead(db: Session, queue: QueueRules, me: uuid.UUID, position: int) -> Sequence[Row[Any]]:
    """Let an item that the queue has come before the rest; claimed, if the person may have it."""
    return db.execute(_MOVE_AHEAD, _values(queue, me, position)).all()


# Looked for near a random place, so that it costs the same however much is reviewed.
_CHOOSE_CANARY = text("""
    WITH start AS MATERIALIZED (
        SELECT CAST(:start * example_count AS integer) AS position FROM datasets
        WHERE id = :dataset
    ),
    near AS MATERIALIZED (
        (SELECT position, 1 AS turn FROM reviewed_examples
            WHERE dataset_id = :dataset AND position >= (SELECT position FROM start)
            ORDER BY position LIMIT 500)
        UNION ALL
        (SELECT position, 2 FROM reviewed_examples
            WHERE dataset_id = :dataset AND position < (SELECT position FROM start)
            ORDER BY position LIMIT 500)
    ),
    beside AS MATERIALIZED (SELECT id FROM review_queues WHERE dataset_id = :dataset)
    SELECT near.position, example.given_label
    FROM near
    JOIN examples example ON example.dataset_id = :dataset AND example.position = near.position
    CROSS JOIN LATERAL (
        SELECT bool_or(item.outcome IS NOT DISTINCT FROM 'right')
                AND bool_and(coalesce(item.outcome = 'right', item.state = 'open')) AS is_right
        FROM beside JOIN review_items item
            ON item.queue_id = beside.id AND item.position = near.position
        WHERE item.role <> 'canary'
    ) known
    WHERE known.is_right
        AND NOT EXISTS (
            SELECT FROM review_items item
            WHERE item.queue_id = :queue AND item.position = near.position
        )
        AND NOT EXISTS (
            SELECT FROM beside JOIN review_votes vote ON vote.queue_id = beside.id
                AND vote.position = near.position AND vote.principal_id = :me
        )
    ORDER BY near.turn, near.position LIMIT 1
""")


def choose_canary(
    db: Session, queue: QueueRules, me: uuid.UUID, start: float
) -> Row[int, int] | None:
    """An example found right in another queue, and by others: position and label.

    Args:
        start: where to look, as a share of the dataset.
    """
    values = {"queue": queue.id, "dataset": queue.dataset_id, "me": me, "start": start}
    return db.execute(_CHOOSE_CANARY, values).first()
