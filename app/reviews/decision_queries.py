"""SQL of what people decided, for whoever takes it out of the service: one row for an example."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import copy_out, rows
from app.reviews.models import ReviewQueue

# What may leave the service. Every statement below looks at items through it alone.
# A canary's label is not the example's own.
_ITEMS = "SELECT * FROM review_items WHERE queue_id = ANY(%(queues)s) AND role <> 'canary'"

# The verdicts that made an item what it is: of a consensus those that were sure.
_DECISIONS = f"""
    WITH settled AS (
        SELECT * FROM ({_ITEMS}) items WHERE outcome IS NOT NULL
            AND (%(positions)s::integer[] IS NULL OR position = ANY(%(positions)s))
    ),
    deciding AS (
        SELECT settled.queue_id, settled.position, vote.principal_id, vote.verdict_id AS id
        FROM settled JOIN review_votes vote USING (queue_id, position)
        WHERE settled.settled_by = 'consensus' AND vote.kind NOT IN ('skip', 'unsure')
        UNION ALL
        SELECT settled.queue_id, settled.position, dispute.decided_by, dispute.verdict_id
        FROM settled JOIN review_disputes dispute USING (queue_id, position)
        WHERE settled.settled_by = 'adjudication'
        UNION ALL
        SELECT settled.queue_id, settled.position, verdict.principal_id, verdict.id
        FROM settled JOIN review_verdicts verdict USING (queue_id, position, batch_id)
        WHERE settled.settled_by = 'batch' AND verdict.kind <> 'undo'
    ),
    decided AS (
        SELECT deciding.queue_id, deciding.position, max(verdict.id) AS last,
            max(verdict.at) AS at,
            string_agg(principal.name, '; ' ORDER BY verdict.id) AS who,
            string_agg(verdict.comment, '; ' ORDER BY verdict.id) AS why
        FROM deciding
        JOIN review_verdicts verdict USING (queue_id, principal_id, id)
        JOIN principals principal ON principal.id = verdict.principal_id
        GROUP BY deciding.queue_id, deciding.position
    )
    SELECT DISTINCT ON (position) position, settled.outcome, settled.outcome_label,
        settled.outcome_value, settled.settled_by, decided.who,
        CAST(extract(epoch FROM decided.at) * 1000000 AS bigint) AS at, decided.why,
        array_position(%(queues)s, queue_id) - 1 AS queue,
        min(answer) OVER example <> max(answer) OVER example AS in_conflict
    FROM settled JOIN decided USING (queue_id, position)
    CROSS JOIN LATERAL (
        SELECT concat_ws(' ', outcome, outcome_label, outcome_value) AS answer
    ) answers
    WINDOW example AS (PARTITION BY position)
    ORDER BY position, decided.at DESC, decided.last DESC
"""  # noqa: S608

_UNDECIDED = f"""
    SELECT count(*) AS disputed, count(*) FILTER (WHERE is_unsure) AS unsure, now() AS at
    FROM (
        SELECT position, bool_or(EXISTS (
            SELECT FROM review_votes vote WHERE vote.queue_id = items.queue_id
                AND vote.position = items.position AND vote.kind = 'unsure'
        )) FILTER (WHERE state = 'disputed') AS is_unsure
        FROM ({_ITEMS}) items GROUP BY position
        HAVING bool_or(state = 'disputed') AND NOT bool_or(outcome IS NOT NULL)
    ) undecided
"""  # noqa: S608

_QUEUE = "array_position(CAST(%(queues)s AS uuid[]), item.queue_id) - 1"
# What others said of an open item is told to nobody who is still to decide it.
_LOG = f"""
    SELECT {_QUEUE}, verdict.id, item.position, example.key, verdict.principal_id,
        principal.name, CAST(extract(epoch FROM verdict.at) * 1000000 AS bigint), verdict.kind,
        verdict.label, verdict.value, verdict.comment, verdict.seconds, verdict.undoes,
        verdict.batch_id, verdict.adjudicates, verdict.counted, verdict.item_state
    FROM ({_ITEMS}) item
    JOIN review_queues queue ON queue.id = item.queue_id
    JOIN review_verdicts verdict
        ON verdict.queue_id = item.queue_id AND verdict.position = item.position
    JOIN examples example ON example.dataset_id = %(dataset)s AND example.position = item.position
    JOIN principals principal ON principal.id = verdict.principal_id
    WHERE item.state <> 'open' OR queue.overlap = 1 OR queue.closed_at IS NOT NULL
    ORDER BY 1, verdict.id
"""  # noqa: S608
# Whoever has an item in hand is not to know why it is there.
_OUTCOMES = f"""
    SELECT {_QUEUE}, item.position, example.key, item.state,
        CASE item.state WHEN 'done' THEN item.role END, item.given_label, item.settled_by,
        item.outcome, item.outcome_label, item.outcome_value, item.batch_id
    FROM ({_ITEMS}) item
    JOIN examples example ON example.dataset_id = %(dataset)s AND example.position = item.position
    WHERE item.state <> 'open'
    ORDER BY 1, item.position
"""  # noqa: S608


def copy_decisions(db: Session, queue_ids: Sequence[uuid.UUID]) -> Iterator[memoryview | bytes]:
    """CSV lines of what was decided last of each example, in the order of positions."""
    # Where the planner was told of few rows, and thousands have come since, it would go through
    # all verdicts again for each item. Whatever the numbers are, hashing is right for all of them.
    db.execute(text("SET LOCAL enable_nestloop = off"))
    return copy_out(db, _DECISIONS, {"queues": list(queue_ids), "positions": None})


def decisions_at(
    db: Session, queue_ids: Sequence[uuid.UUID], positions: Sequence[int]
) -> Sequence[Any]:
    """The same of some examples, as rows."""
    return rows(db, _DECISIONS, {"queues": list(queue_ids), "positions": list(positions)})


# What was drawn has a place before 1: it is for the queue's own reviewers.
_OPEN_ITEMS = f"""
    SELECT items.position, items.place, items.given_label,
        CASE WHEN %(is_told)s THEN items.suggested_label END,
        CASE WHEN %(is_told)s THEN items.suggested_value END,
        CASE WHEN %(is_told)s THEN score.suspicion END,
        CASE WHEN %(is_told)s THEN flag.reason END
    FROM ({_ITEMS}) items
    LEFT JOIN scores score ON score.scan_id = %(scan)s AND score.position = items.position
    LEFT JOIN flags flag ON flag.scan_id = %(scan)s AND flag.position = items.position
    WHERE items.state = 'open' AND items.place > 0
    ORDER BY items.place
"""  # noqa: S608


def copy_open_items(
    db: Session, queue: ReviewQueue, *, is_told: bool
) -> Iterator[memoryview | bytes]:
    values = {"queues": [queue.id], "scan": queue.order_scan_id, "is_told": is_told}
    return copy_out(db, _OPEN_ITEMS, values)


def undecided(db: Session, queue_ids: Sequence[uuid.UUID]) -> Any:
    """Examples that are disputed in some queue and settled in none."""
    return rows(db, _UNDECIDED, {"queues": list(queue_ids)})[0]


def copy_log(
    db: Session, dataset_id: uuid.UUID, queue_ids: Sequence[uuid.UUID]
) -> Iterator[memoryview | bytes]:
    """CSV lines of all verdicts, queue by queue in the order in which they were written."""
    return copy_out(db, _LOG, {"dataset": dataset_id, "queues": list(queue_ids)})


def copy_outcomes(
    db: Session, dataset_id: uuid.UUID, queue_ids: Sequence[uuid.UUID]
) -> Iterator[memoryview | bytes]:
    """CSV lines of what is done or disputed, queue by queue in the order of positions."""
    return copy_out(db, _OUTCOMES, {"dataset": dataset_id, "queues": list(queue_ids)})


def queues_of(db: Session, dataset_id: uuid.UUID) -> Sequence[ReviewQueue]:
    query = select(ReviewQueue).where(ReviewQueue.dataset_id == dataset_id)
    return db.scalars(query.order_by(ReviewQueue.created_at, ReviewQueue.id)).all()


def queues_by_id(db: Session, queue_ids: Sequence[uuid.UUID]) -> Sequence[ReviewQueue]:
    return db.scalars(select(ReviewQueue).where(ReviewQueue.id.in_(queue_ids))).all()
