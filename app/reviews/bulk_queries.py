"""SQL of batches: one statement each, however many items there are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Row,
    String,
    TextClause,
    bindparam,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from app.reviews.at_queue import QueueRules
from app.reviews.models import ReviewBatch, ReviewSample

# Of items that fit: nobody's yet, and nobody has them in hand.
_IS_FREE = "(item.state = 'open' AND item.seats + item.votes = :overlap)"
_HAS_TARGET = """
    (:kind <> 'accept' OR item.suggested_label IS NOT NULL OR item.suggested_value IS NOT NULL)
"""


_IS_NO_AUDIT = """NOT EXISTS (
    SELECT FROM audit_draws draw WHERE draw.dataset_id = :dataset AND draw.position = item.position
        AND NOT EXISTS (
            SELECT FROM reviewed_examples reviewed WHERE reviewed.dataset_id = :dataset
                AND reviewed.position = draw.position
        )
)"""


def _statement(template: str, selection: dict[str, Any]) -> TextClause:
    """`{fits}` becomes what the selection asks for, so that the planner sees just that."""
    # Nothing that was drawn: an audit is looked at, and a canary is nobody's to correct.
    fits = ["item.queue_id = :queue AND item.place > 0", _IS_NO_AUDIT]
    if selection["given"] is not None:
        fits.append("item.given_label = :given")
    if selection["suggested"] is not None:
        fits.append("item.suggested_label = :suggested")
    if selection["keys"] is not None:
        fits.append(
            "item.position IN (SELECT position FROM examples"
            " WHERE dataset_id = :dataset AND key = ANY(:keys))"
        )
    statement = text(template.replace("{fits}", " AND ".join(fits)))
    if selection["keys"] is not None:
        statement = statement.bindparams(bindparam("keys", type_=ARRAY(String)))
    return statement


def _values(queue: QueueRules, selection: dict[str, Any], **more: Any) -> dict[str, Any]:
    chosen = {name: value for name, value in selection.items() if value is not None}
    return {"queue": queue.id, "overlap": queue.overlap, "dataset": queue.dataset_id} | (
        chosen | more
    )


_COUNTS = f"""
    SELECT item.given_label, item.suggested_label,
        count(*) FILTER (WHERE {_IS_FREE} AND {_HAS_TARGET}) AS free,
        count(*) FILTER (WHERE {_IS_FREE} AND NOT {_HAS_TARGET}) AS without_suggestion,
        count(*) FILTER (WHERE item.state = 'open' AND NOT {_IS_FREE}) AS held,
        count(*) FILTER (WHERE item.state <> 'open') AS settled
    FROM review_items item WHERE {{fits}}
    GROUP BY item.given_label, item.suggested_label
    ORDER BY free DESC, item.given_label, item.suggested_label
"""  # noqa: S608 - no values in it


def counts(
    db: Session, queue: QueueRules, selection: dict[str, Any], kind: str
) -> Sequence[Row[Any]]:
    """By given and suggested class, what a verdict of that kind would decide and leave out."""
    values = _values(queue, selection, kind=kind)
    return db.execute(_statement(_COUNTS, selection), values).all()


_FIRST = f"""
    SELECT item.position, example.key, item.given_label, example.given_target,
        item.suggested_label, item.suggested_value
    FROM review_items item
    JOIN examples example ON example.dataset_id = :dataset AND example.position = item.position
    WHERE {{fits}} AND {_IS_FREE} AND {_HAS_TARGET}
    ORDER BY item.place LIMIT :limit
"""  # noqa: S608


def first_items(
    db: Session, queue: QueueRules, selection: dict[str, Any], kind: str, limit: int
) -> Sequence[Row[Any]]:
    values = _values(queue, selection, kind=kind, limit=limit)
    return db.execute(_statement(_FIRST, selection), values).all()


_DRAW = f"""
    WITH drawn AS MATERIALIZED (
        SELECT item.position FROM review_items item
        WHERE {{fits}} AND {_IS_FREE}
            AND NOT EXISTS (
                SELECT FROM review_votes vote WHERE vote.queue_id = :queue
                    AND vote.position = item.position AND vote.principal_id = :me OFFSET 0
            )
        ORDER BY random() LIMIT :k
    ),
    locked AS MATERIALIZED (
        SELECT item.position FROM review_items item JOIN drawn USING (position)
        WHERE item.queue_id = :queue AND {_IS_FREE}
        FOR UPDATE OF item SKIP LOCKED
    ),
    held AS (
        INSERT INTO review_claims
            (queue_id, principal_id, position, claimed_at, expires_at, adjudicates)
        SELECT :queue, :me, position, now(), now() + make_interval(secs => :ttl_s), false
        FROM locked
    )
    UPDATE review_items item SET seats = item.seats - 1 FROM locked
    WHERE item.queue_id = :queue AND item.position = locked.position
    RETURNING item.position
"""  # noqa: S608


def draw(
    db: Session, queue: QueueRules, selection: dict[str, Any], me: uuid.UUID, k: int
) -> list[int]:
    """Claim k items of a selection, drawn at random; returns their positions."""
    values = _values(queue, selection, me=me, k=k, ttl_s=queue.claim_ttl_s)
    return sorted(db.scalars(_statement(_DRAW, selection), values))


_TALLY = """
    INSERT INTO review_tallies AS tally (
        queue_id, principal_id, day, decided, skipped, seconds, done, disputed, recent, recent_at
    )
    SELECT :queue, :me, CAST(now() AT TIME ZONE 'utc' AS date), 0, 0, 0, {change}, 0, 0, now()
    FROM changed
    ON CONFLICT (queue_id, principal_id, day) DO UPDATE SET done = tally.done + excluded.done
"""
_APPLY = f"""
    WITH chosen AS MATERIALIZED (
        SELECT item.position, item.given_label,
            CASE :kind WHEN 'right' THEN item.given_label
                WHEN 'accept' THEN item.suggested_label
                WHEN 'relabel' THEN CAST(:label AS integer) END AS label,
            CASE :kind WHEN 'right' THEN example.given_target
                WHEN 'accept' THEN item.suggested_value
                WHEN 'relabel' THEN CAST(:value AS double precision) END AS value,
            example.given_target
        FROM review_items item
        JOIN examples example
            ON example.dataset_id = :dataset AND example.position = item.position
        WHERE {{fits}} AND {_IS_FREE} AND {_HAS_TARGET}
        FOR UPDATE OF item
    ),
    decided AS (
        SELECT position, label, value, CASE
            WHEN :kind = 'unusable' THEN 'unusable'
            WHEN label = given_label OR value = given_target THEN 'right'
            ELSE 'relabel' END AS kind
        FROM chosen
    ),
    logged AS (
        INSERT INTO review_verdicts (
            queue_id, principal_id, position, kind, label, value, comment, at, token, batch_id,
            item_state
        )
        SELECT :queue, :me, position, kind, label, value, :comment, now(), gen_random_uuid(),
            :batch, 'done'
        FROM decided
    ),
    items AS (
        UPDATE review_items item SET
            state = 'done', seats = 0, settled_by = 'batch', batch_id = :batch,
            outcome = decided.kind, outcome_label = decided.label, outcome_value = decided.value
        FROM decided WHERE item.queue_id = :queue AND item.position = decided.position
        RETURNING item.position
    ),
    pool AS (SELECT draws FROM audit_pools WHERE dataset_id = :dataset FOR SHARE),
    reviewed AS (
        INSERT INTO reviewed_examples (dataset_id, position, left_after)
        SELECT :dataset, items.position, pool.draws FROM items, pool
        -- In one order, or two batches might wait for each other.
        ORDER BY items.position
        ON CONFLICT DO NOTHING
    ),
    changed AS (SELECT count(*) AS n FROM items),
    tally AS ({_TALLY.format(change="n")})
    SELECT n FROM changed
"""  # noqa: S608


_LOCK = f"""
    SELECT count(*) FROM (
        SELECT FROM review_items item WHERE {{fits}} AND {_IS_FREE} AND {_HAS_TARGET}
        FOR UPDATE OF item
    ) locked
"""  # noqa: S608
_APPLY_TO_LOCKED = _APPLY.replace("FOR UPDATE OF item", "FOR UPDATE OF item SKIP LOCKED")


def lock(db: Session, queue: QueueRules, selection: dict[str, Any], kind: str) -> None:
    """Lock all that is free of a selection, for `apply` to decide."""
    db.execute(_statement(_LOCK, selection), _values(queue, selection, kind=kind))


def apply(
    db: Session,
    queue: QueueRules,
    selection: dict[str, Any],
    *,
    me: uuid.UUID,
    batch_id: uuid.UUID,
    kind: str,
    label: int | None,
    value: float | None,
    comment: str | None,
    is_locked: bool,
) -> int:
    """Decide all that is free of a selection; returns how many items that was.

    Args:
        is_locked: wait for no other item than those that are locked already.
    """
    values = _values(
        queue,
        selection,
        me=me,
        batch=batch_id,
        kind=kind,
        label=label,
        value=value,
        comment=comment,
    )
    template = _APPLY_TO_LOCKED if is_locked else _APPLY
    return int(db.execute(_statement(template, selection), values).scalar_one())


_UNDO = text(f"""
    WITH chosen AS MATERIALIZED (
        SELECT verdict.id, verdict.position
        FROM review_verdicts verdict
        JOIN review_items item ON item.queue_id = :queue AND item.position = verdict.position
        WHERE verdict.batch_id = :batch AND verdict.kind <> 'undo' AND item.batch_id = :batch
        FOR UPDATE OF item
    ),
    logged AS (
        INSERT INTO review_verdicts (
            queue_id, principal_id, position, kind, at, token, batch_id, undoes, item_state
        )
        SELECT :queue, :me, position, 'undo', now(), gen_random_uuid(), :batch, id, 'open'
        FROM chosen
    ),
    items AS (
        UPDATE review_items item SET
            state = 'open', seats = :overlap - item.votes, settled_by = NULL, batch_id = NULL,
            outcome = NULL, outcome_label = NULL, outcome_value = NULL
        FROM chosen WHERE item.queue_id = :queue AND item.position = chosen.position
        RETURNING item.position
    ),
    changed AS (SELECT count(*) AS n FROM items),
    tally AS ({_TALLY.format(change="-n")})
    SELECT n FROM changed
""")  # noqa: S608


def undo(db: Session, queue: QueueRules, me: uuid.UUID, batch_id: uuid.UUID) -> int:
    """Open a batch's items again; returns how many."""
    values = {"queue": queue.id, "overlap": queue.overlap, "me": me, "batch": batch_id}
    return int(db.execute(_UNDO, values).scalar_one())


def batch(db: Session, queue_id: uuid.UUID, batch_id: uuid.UUID) -> ReviewBatch | None:
    return db.scalar(
        select(ReviewBatch).where(ReviewBatch.queue_id == queue_id, ReviewBatch.id == batch_id)
    )


def mark_undone(db: Session, batch_id: uuid.UUID) -> bool:
    """Says whether it was not undone before."""
    marked = db.scalar(
        update(ReviewBatch)
        .where(ReviewBatch.id == batch_id, ReviewBatch.undone_at.is_(None))
        .values(undone_at=func.now())
        .returning(ReviewBatch.id)
    )
    return marked is not None


def batches_newest_first(
    db: Session,
    queue_id: uuid.UUID,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[ReviewBatch]:
    query = select(ReviewBatch).where(ReviewBatch.queue_id == queue_id)
    if after is not None:
        query = query.where(tuple_(ReviewBatch.created_at, ReviewBatch.id) < after)
    order = (ReviewBatch.created_at.desc(), ReviewBatch.id.desc())
    return db.scalars(query.order_by(*order).limit(limit)).all()


def sample(db: Session, queue_id: uuid.UUID, sample_id: uuid.UUID) -> ReviewSample | None:
    return db.scalar(
        select(ReviewSample).where(ReviewSample.queue_id == queue_id, ReviewSample.id == sample_id)
    )


_SAMPLE_VOTES = text("""
    SELECT item.position, item.given_label, example.given_target, item.suggested_label,
        item.suggested_value, vote.kind, vote.label, vote.value
    FROM review_items item
    JOIN examples example ON example.dataset_id = :dataset AND example.position = item.position
    JOIN review_votes vote ON vote.queue_id = :queue AND vote.position = item.position
    WHERE item.queue_id = :queue AND item.position = ANY(:positions) AND vote.kind <> 'skip'
    ORDER BY item.position
""")


def votes_on(db: Session, queue: QueueRules, positions: Sequence[int]) -> Sequence[Row[Any]]:
    """Standing votes on some items, each beside what the item would be relabelled to."""
    return db.execute(
        _SAMPLE_VOTES,
        {"queue": queue.id, "dataset": queue.dataset_id, "positions": list(positions)},
    ).all()
