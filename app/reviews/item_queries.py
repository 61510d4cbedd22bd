"""SQL of looking at items: one by its address, or a queue's by class and state."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.datasets.models import Example
from app.reviews.models import ItemState, ReviewDispute, ReviewItem, ReviewQueue

_COLUMNS = """
    item.position, item.place, item.given_label, item.suggested_label, item.suggested_value,
    item.priority, item.state, item.votes, item.role, item.settled_by, item.outcome,
    item.outcome_label, item.outcome_value, example.key, example.given_target
"""

_VIEW = text(f"""
    SELECT {_COLUMNS}, claim.expires_at, coalesce(claim.adjudicates, false) AS adjudicates,
        vote.kind AS my_kind, vote.label AS my_label, vote.value AS my_value
    FROM review_items item
    JOIN examples example ON example.dataset_id = :dataset AND example.position = item.position
    LEFT JOIN review_claims claim ON claim.queue_id = :queue AND claim.principal_id = :me
        AND claim.position = item.position AND claim.expires_at > now()
    LEFT JOIN review_votes vote ON vote.queue_id = :queue AND vote.position = item.position
        AND vote.principal_id = :me
    WHERE item.queue_id = :queue AND item.position = :position
""")  # noqa: S608 - no values in it


def view(db: Session, queue: ReviewQueue, position: int, me: uuid.UUID) -> Row[Any] | None:
    """An item with what the person holds and says of it."""
    values = {"queue": queue.id, "dataset": queue.dataset_id, "position": position, "me": me}
    return db.execute(_VIEW, values).first()


def items_in_order(
    db: Session,
    queue: ReviewQueue,
    *,
    given_label: int | None,
    suggested_label: int | None,
    state: ItemState | None,
    after: int | None,
    limit: int,
) -> Sequence[Row[ReviewItem, str, float | None]]:
    query = (
        select(ReviewItem, Example.key, Example.given_target)
        .join(
            Example,
            (Example.dataset_id == queue.dataset_id) & (Example.position == ReviewItem.position),
        )
        .where(ReviewItem.queue_id == queue.id)
    )
    if given_label is not None:
        query = query.where(ReviewItem.given_label == given_label)
    if suggested_label is not None:
        query = query.where(ReviewItem.suggested_label == suggested_label)
    if state is not None:
        query = query.where(ReviewItem.state == state.value)
    if state is ItemState.disputed:
        # They are few, and have a table of their own.
        disputed = select(ReviewDispute.position).where(ReviewDispute.queue_id == queue.id)
        query = query.where(ReviewItem.position.in_(disputed))
    if after is not None:
        query = query.where(ReviewItem.place > after)
    return db.execute(query.order_by(ReviewItem.place).limit(limit)).all()
