"""SQL of estimates: what left the pool and what became of it, and what shows how people err."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.datasets.key_patterns import like
from app.db import copy_out, rows

_IN_SLICE = """
    (CAST(%(labels)s AS integer[]) IS NULL OR example.given_label = ANY(%(labels)s))
    AND (CAST(%(key)s AS text) IS NULL OR example.key LIKE %(key)s)
"""

# An example may stand in several queues. Where one of them says right and another wrong, nothing
# is known; where one is sure and another is not, the sure one counts. Without a pool there are no
# rows of what was reviewed: all that is settled left before any draw.
_GONE = """
    WITH draws AS (
        SELECT position, number, unreviewed, queue_id, drawn_at
        FROM audit_draws WHERE dataset_id = %(dataset)s
    ), reviewed AS (
        SELECT position, left_after FROM reviewed_examples WHERE dataset_id = %(dataset)s
    ), settled AS (
        SELECT item.position, bool_or(item.outcome = 'right') AS is_right,
            bool_or(item.outcome IN ('relabel', 'unusable')) AS is_wrong
        FROM review_queues queue JOIN review_items item ON item.queue_id = queue.id
        WHERE queue.dataset_id = %(dataset)s AND item.outcome IS NOT NULL
            AND item.role <> 'canary'
        GROUP BY item.position
    ), left_pool AS (
        SELECT position, coalesce(number, left_after, 0) AS after, number, unreviewed, queue_id,
            drawn_at,
            CASE WHEN is_right AND is_wrong THEN 'unknown'
                WHEN is_right THEN 'right'
                WHEN is_wrong THEN 'wrong'
                WHEN is_right IS NOT NULL OR left_after IS NOT NULL THEN 'unknown'
                ELSE 'waiting' END AS outcome
        FROM settled FULL JOIN reviewed USING (position) FULL JOIN draws USING (position)
    ), gone AS (
        SELECT position, after, number, unreviewed, queue_id, drawn_at,
            CASE WHEN outcome <> 'waiting' THEN outcome
                -- Looked up for the few that wait: a join would go through all items.
                WHEN (
                    SELECT bool_or(item.state = 'disputed' AND item.role <> 'canary')
                    FROM review_queues queue JOIN review_items item ON item.queue_id = queue.id
                    WHERE queue.dataset_id = %(dataset)s AND item.position = left_pool.position
                ) THEN 'unknown'
                ELSE 'waiting' END AS outcome
        FROM left_pool
    )
"""
_HISTORY = f"""
    {_GONE}
    SELECT gone.after, example.given_label AS label, gone.outcome, gone.unreviewed,
        count(*) AS examples
    FROM gone
    JOIN examples example
        ON example.dataset_id = %(dataset)s AND example.position = gone.position
    WHERE {_IN_SLICE}
    GROUP BY gone.after, example.given_label, gone.outcome, gone.unreviewed
"""  # noqa: S608 - no values in it


def what_left(
    db: Session, dataset_id: uuid.UUID, labels: list[int] | None = None, key: str | None = None
) -> list[Any]:
    """Rows of (after, label, outcome, unreviewed, examples), as `history.Left` has them.

    Args:
        labels, key: of a slice's classes, and the pattern of its keys; None for any.
    """
    return rows(db, _HISTORY, _values(dataset_id, labels, key))


_COUNTS = f"""
    SELECT example.given_label AS label, count(*) AS examples FROM examples example
    WHERE example.dataset_id = %(dataset)s AND {_IN_SLICE} GROUP BY example.given_label
"""  # noqa: S608


def examples_of(
    db: Session, dataset_id: uuid.UUID, labels: list[int] | None, key: str | None
) -> dict[int | None, int]:
    """How many examples a slice has of each class; of none in a regression."""
    found = rows(db, _COUNTS, _values(dataset_id, labels, key))
    return {row.label: row.examples for row in found}


def _values(dataset_id: uuid.UUID, labels: list[int] | None, key: str | None) -> dict[str, Any]:
    return {"dataset": dataset_id, "labels": labels, "key": None if key is None else like(key)}


# The same, example by example. An audit that somebody may have in hand is not named; nor is it told
# when it was drawn, which is when they got it.
_AUDITS = f"""
    {_GONE}
    SELECT gone.number, gone.unreviewed,
        CASE WHEN is_over THEN CAST(extract(epoch FROM gone.drawn_at) * 1000000 AS bigint) END,
        gone.queue_id,
        CASE WHEN is_over THEN gone.position END, CASE WHEN is_over THEN example.key END,
        CASE WHEN is_over THEN example.given_target END, example.given_label, gone.outcome
    FROM gone
    JOIN examples example
        ON example.dataset_id = %(dataset)s AND example.position = gone.position
    CROSS JOIN LATERAL (
        SELECT NOT EXISTS (
            SELECT FROM review_queues queue JOIN review_items item ON item.queue_id = queue.id
            WHERE queue.dataset_id = %(dataset)s AND queue.closed_at IS NULL
                AND item.position = gone.position AND item.state <> 'done'
        ) AS is_over
    ) told
    WHERE gone.number IS NOT NULL
    ORDER BY gone.number
"""  # noqa: S608 - no values in it
_REVIEWED = f"""
    {_GONE}
    SELECT gone.position, example.key, example.given_label, example.given_target, gone.after,
        gone.outcome
    FROM gone
    JOIN examples example
        ON example.dataset_id = %(dataset)s AND example.position = gone.position
    WHERE gone.number IS NULL
    ORDER BY gone.position
"""  # noqa: S608 - no values in it


def copy_audits(db: Session, dataset_id: uuid.UUID) -> Iterator[memoryview | bytes]:
    return copy_out(db, _AUDITS, {"dataset": dataset_id})


def copy_reviewed(db: Session, dataset_id: uuid.UUID) -> Iterator[memoryview | bytes]:
    return copy_out(db, _REVIEWED, {"dataset": dataset_id})


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
