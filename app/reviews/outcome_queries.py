"""SQL of what queues have found: outcomes by class, lists of items, the latest verdicts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, Row, bindparam, func, literal_column, select, text
from sqlalchemy.orm import Session

from app.access.models import Principal
from app.datasets.models import Example
from app.reviews.models import ReviewDispute, ReviewItem, ReviewQueue, ReviewVote

# Literal, as the index of what is settled has it.
_IS_NO_CANARY = ReviewItem.role != literal_column("'canary'")


def outcomes(
    db: Session, queue_id: uuid.UUID
) -> Sequence[Row[int | None, str | None, int | None, int]]:
    """Rows of (given label, outcome, its label, items) of what is settled."""
    columns = (ReviewItem.given_label, ReviewItem.outcome, ReviewItem.outcome_label)
    return db.execute(
        select(*columns, func.count().label("items"))
        .where(ReviewItem.queue_id == queue_id, ReviewItem.outcome.is_not(None), _IS_NO_CANARY)
        .group_by(*columns)
    ).all()


def outcome_counts(db: Session, queue_ids: Sequence[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    """How many items of each queue came to each outcome."""
    rows = db.execute(
        select(ReviewItem.queue_id, ReviewItem.outcome, func.count())
        .where(ReviewItem.queue_id.in_(queue_ids), ReviewItem.outcome.is_not(None), _IS_NO_CANARY)
        .group_by(ReviewItem.queue_id, ReviewItem.outcome)
    )
    return {(row[0], str(row[1])): row[2] for row in rows}


def votes_by_person(db: Session, queue_id: uuid.UUID) -> dict[uuid.UUID, Row[uuid.UUID, int, int]]:
    """Of the verdicts that stand, how many there are by each person, and how many relabel."""
    rows = db.execute(
        select(
            ReviewVote.principal_id,
            func.count().label("votes"),
            func.count().filter(ReviewVote.kind == "relabel").label("relabels"),
        )
        .where(
            ReviewVote.queue_id == queue_id,
            ReviewVote.kind != "skip",
            ReviewVote.position.not_in(
                select(ReviewItem.position).where(
                    ReviewItem.queue_id == queue_id, ReviewItem.role == literal_column("'canary'")
                )
            ),
        )
        .group_by(ReviewVote.principal_id)
    )
    return {row.principal_id: row for row in rows}


def outcomes_at(
    db: Session, queue_id: uuid.UUID, positions: Sequence[int]
) -> Sequence[Row[int, str, str | None]]:
    """Rows of (position, state, outcome) of those that are items of the queue."""
    return db.execute(
        select(ReviewItem.position, ReviewItem.state, ReviewItem.outcome).where(
            ReviewItem.queue_id == queue_id,
            _IS_NO_CANARY,
            ReviewItem.position == func.any(bindparam("positions", positions, ARRAY(Integer))),
        )
    ).all()


def items_page(
    db: Session,
    queue: ReviewQueue,
    *,
    outcome: str | None = None,
    given: int | None = None,
    outcome_label: int | None = None,
    suggested: int | None = None,
    after: int | None = None,
    limit: int,
) -> Sequence[Row[ReviewItem, str, float | None]]:
    """Rows of (ReviewItem, key, given_target) in the queue's order, without canaries."""
    query = _items(queue).where(_IS_NO_CANARY)
    if outcome is not None:
        query = query.where(ReviewItem.outcome == outcome)
    if given is not None:
        query = query.where(ReviewItem.given_label == given)
    if outcome_label is not None:
        query = query.where(ReviewItem.outcome_label == outcome_label)
    if suggested is not None:
        query = query.where(ReviewItem.suggested_label == suggested)
    if after is not None:
        query = query.where(ReviewItem.place > after)
    return db.execute(query.order_by(ReviewItem.place).limit(limit)).all()


def _items(queue: ReviewQueue) -> Any:
    return (
        select(ReviewItem, Example.key, Example.given_target)
        .join(
            Example,
            (Example.dataset_id == queue.dataset_id) & (Example.position == ReviewItem.position),
        )
        .where(ReviewItem.queue_id == queue.id)
    )


def disputed_page(
    db: Session, queue: ReviewQueue, *, after: int | None = None, limit: int
) -> Sequence[Row[ReviewItem, str, float | None]]:
    """The same of items that wait for an adjudicator."""
    query = (
        _items(queue)
        .join(
            ReviewDispute,
            (ReviewDispute.queue_id == ReviewItem.queue_id)
            & (ReviewDispute.position == ReviewItem.position),
        )
        .where(ReviewDispute.queue_id == queue.id, ReviewDispute.verdict_id.is_(None))
    )
    if after is not None:
        query = query.where(ReviewDispute.place > after)
    return db.execute(query.order_by(ReviewDispute.place).limit(limit)).all()


def votes_on(
    db: Session, queue_id: uuid.UUID, positions: Sequence[int]
) -> Sequence[Row[int, str, str, int | None, float | None]]:
    """Standing verdicts on some items: position, who, kind, label, value."""
    return db.execute(
        select(
            ReviewVote.position, Principal.name, ReviewVote.kind, ReviewVote.label, ReviewVote.value
        )
        .join(Principal, Principal.id == ReviewVote.principal_id)
        .where(
            ReviewVote.queue_id == queue_id,
            ReviewVote.position.in_(positions),
            ReviewVote.kind != "skip",
        )
        .order_by(ReviewVote.position, ReviewVote.verdict_id)
    ).all()


# The log's index leads by person: the latest of each, and of those the latest.
_LATEST = text("""
    SELECT verdict.id, verdict.position, verdict.kind, verdict.label, verdict.value,
        verdict.comment, verdict.seconds, verdict.at, verdict.adjudicates, verdict.counted,
        verdict.batch_id, verdict.principal_id, principal.name, example.key,
        example.given_target, item.given_label, item.state, item.role,
        EXISTS (
            SELECT FROM review_verdicts undo
            WHERE undo.queue_id = :queue AND undo.undoes = verdict.id
        ) AS is_undone
    FROM (
        SELECT latest.* FROM review_desks desk
        CROSS JOIN LATERAL (
            SELECT * FROM review_verdicts each
            WHERE each.queue_id = :queue AND each.principal_id = desk.principal_id
                AND each.id < :before
            ORDER BY each.id DESC LIMIT :limit
        ) latest
        WHERE desk.queue_id = :queue
            AND (CAST(:person AS uuid) IS NULL OR desk.principal_id = :person)
        ORDER BY latest.id DESC LIMIT :limit
    ) verdict
    JOIN principals principal ON principal.id = verdict.principal_id
    JOIN review_items item ON item.queue_id = :queue AND item.position = verdict.position
    JOIN examples example ON example.dataset_id = :dataset AND example.position = verdict.position
    ORDER BY verdict.id DESC
""")


def latest_verdicts(
    db: Session,
    queue: ReviewQueue,
    *,
    person: uuid.UUID | None = None,
    before: int | None = None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Lines of the log, the latest first, each with who, of which example, and its given label."""
    return db.execute(
        _LATEST,
        {
            "queue": queue.id,
            "dataset": queue.dataset_id,
            "person": person,
            "before": 2**63 - 1 if before is None else before,
            "limit": limit,
        },
    ).all()


def reviewers_named(db: Session, queue_id: uuid.UUID) -> Sequence[Row[uuid.UUID, str]]:
    """Id and name of everybody who has decided something at a queue, by name."""
    named = text("""
        SELECT principal.id, principal.name FROM review_desks desk
        JOIN principals principal ON principal.id = desk.principal_id
        WHERE desk.queue_id = :queue ORDER BY principal.name, principal.id LIMIT 500
    """)
    return db.execute(named, {"queue": queue_id}).all()


def names_of(db: Session, principals: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows = db.execute(select(Principal.id, Principal.name).where(Principal.id.in_(principals)))
    return {row.id: row.name for row in rows}


_TEAM = text("""
    SELECT coalesce(sum(decided) FILTER (WHERE is_today), 0) AS today,
        count(DISTINCT principal_id) FILTER (WHERE is_today AND decided > 0) AS people_today,
        coalesce(sum(decided), 0) AS decided,
        coalesce(6.0 * sum(recent * exp(extract(epoch FROM recent_at - now()) / 600.0)), 0)
            AS per_hour,
        max(recent_at) AS last_at
    FROM (
        SELECT *, day = CAST(now() AT TIME ZONE 'utc' AS date) AS is_today
        FROM review_tallies WHERE queue_id = ANY(:queues)
    ) tallies
""")


def team(db: Session, queue_ids: Sequence[uuid.UUID]) -> Row[Any]:
    """What everybody together did at some queues: today, in all, and at what pace."""
    return db.execute(_TEAM, {"queues": list(queue_ids)}).one()
