"""SQL of estimates: what left the pool and what became of it, and what shows how people err."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.datasets.key_patterns import like

_IN_SLICE = """
    (CAST(:labels AS integer[]) IS NULL OR example.given_label = ANY(:labels))
    AND (CAST(:key AS text) IS NULL OR example.key LIKE :key)
"""

# An example may stand in several queues. Where one of them says right and another wrong, nothing
# is known; where one is sure and another is not, the sure one counts. Without a pool there are no
# rows of what was reviewed: all that is settled left before any draw.
_HISTORY = text(f"""
    WITH draws AS (
        SELECT position, number, unreviewed FROM audit_draws WHERE dataset_id = :dataset
    ), reviewed AS (
        SELECT position, left_after FROM reviewed_examples WHERE dataset_id = :dataset
    ), settled AS (
        SELECT item.position, bool_or(item.outcome = 'right') AS is_right,
            bool_or(item.outcome IN ('relabel', 'unusable')) AS is_wrong
        FROM review_queues queue JOIN review_items item ON item.queue_id = queue.id
        WHERE queue.dataset_id = :dataset AND item.outcome IS NOT NULL AND item.role <> 'canary'
        GROUP BY item.position
    ), left_pool AS (
        SELECT position, coalesce(number, left_after, 0) AS after, unreviewed,
            CASE WHEN is_right AND is_wrong THEN 'unknown'
                WHEN is_right THEN 'right'
                WHEN is_wrong THEN 'wrong'
                WHEN is_right IS NOT NULL OR left_after IS NOT NULL THEN 'unknown'
                ELSE 'waiting' END AS outcome
        FROM settled FULL JOIN reviewed USING (position) FULL JOIN draws USING (position)
    ), gone AS (
        SELECT position, after, unreviewed,
            CASE WHEN outcome <> 'waiting' THEN outcome
                -- Looked up for the few that wait: a join would go through all items.
                WHEN (
                    SELECT bool_or(item.state = 'disputed' AND item.role <> 'canary')
                    FROM review_queues queue JOIN review_items item ON item.queue_id = queue.id
                    WHERE queue.dataset_id = :dataset AND item.position = left_pool.position
                ) THEN 'unknown'
                ELSE 'waiting' END AS outcome
        FROM left_pool
    )
    SELECT gone.after, example.given_label AS label, gone.outcome, gone.unreviewed,
        count(*) AS examples
    FROM gone
    JOIN examples example ON example.dataset_id = :dataset AND example.position = gone.position
    WHERE {_IN_SLICE}
    GROUP BY gone.after, example.given_label, gone.outcome, gone.unreviewed
""")  # noqa: S608 - no values


def what_left(
    db: Session, dataset_id: uuid.UUID, labels: list[int] | None = None, key: str | None = None
) -> Sequence[Row[Any]]:
    """Rows of (after, label, outcome, unreviewed, examples), as `history.Left` has them.

    Args:
        labels, key: of a slice's classes, and the pattern of its keys; None for any.
    """
    return db.execute(_HISTORY, _values(dataset_id, labels, key)).all()


_COUNTS = text(f"""
    SELECT example.given_label AS label, count(*) AS examples FROM examples example
    WHERE example.dataset_id = :dataset AND {_IN_SLICE} GROUP BY example.given_label
""")  # noqa: S608


def examples_of(
    db: Session, dataset_id: uuid.UUID, labels: list[int] | None, key: str | None
) -> dict[int | None, int]:
    """How many examples a slice has of each class; of none in a regression."""
    rows = db.execute(_COUNTS, _values(dataset_id, labels, key))
    return {row.label: row.examples for row in rows}


def _values(dataset_id: uuid.UUID, labels: list[int] | None, key: str | None) -> dict[str, Any]:
    return {"dataset": dataset_id, "labels": labels, "key": None if key is None else like(key)}


_CANARIES = text("""
    SELECT count(*) FILTER (WHERE vote.kind IN ('relabel', 'unusable')) AS caught,
        count(*) FILTER (WHERE vote.kind = 'right') AS missed,
        count(*) FILTER (WHERE vote.kind = 'unsure') AS unsure
    FROM review_queues queue
    JOIN review_items item ON item.queue_id = queue.id AND item.role = 'canary'
    JOIN review_votes vote ON vote.queue_id = item.queue_id AND vote.position = item.position
    WHERE queue.dataset_id = :dataset
""")


def canaries(db: Session, dataset_id: uuid.UUID) -> Row[Any]:
    """Verdicts on canaries, by whether they saw the planted label."""
    return db.execute(_CANARIES, {"dataset": dataset_id}).one()


# Of more than two, the first two: each item is one trial.
_DOUBLES = text("""
    SELECT count(*) AS items, count(*) FILTER (WHERE NOT (
        classes[1] = classes[2] AND coalesce(abs(numbers[1] - numbers[2]) <= tolerance, true)
    )) AS disagreed
    FROM (
        SELECT queue.tolerance,
            array_agg(
                CASE vote.kind WHEN 'unusable' THEN -1 ELSE coalesce(vote.label, 0) END
                ORDER BY vote.verdict_id
            ) AS classes,
            array_agg(vote.value ORDER BY vote.verdict_id) AS numbers
        FROM review_queues queue
        JOIN review_votes vote ON vote.queue_id = queue.id
        JOIN review_items item ON item.queue_id = queue.id AND item.position = vote.position
        WHERE queue.dataset_id = :dataset AND queue.overlap > 1 AND item.role <> 'canary'
            AND vote.kind IN ('right', 'relabel', 'unusable')
        GROUP BY queue.id, vote.position HAVING count(*) > 1
    ) answered
""")


def doubly_reviewed(db: Session, dataset_id: uuid.UUID) -> Row[Any]:
    """Items with two answers or more, and those whose first two differ."""
    return db.execute(_DOUBLES, {"dataset": dataset_id}).one()
