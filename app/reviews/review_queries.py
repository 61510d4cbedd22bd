"""SQL of the review page: items as one person sees them, however many, in one statement."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Date, Row, cast, func, select
from sqlalchemy.orm import Session, aliased

from app.access.models import Principal
from app.datasets.models import Example
from app.reviews.models import (
    ReviewClaim,
    ReviewItem,
    ReviewQueue,
    ReviewTally,
    ReviewVerdict,
    ReviewVote,
)


def items_at(
    db: Session, queue: ReviewQueue, positions: Sequence[int], me: uuid.UUID
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Rows of (ReviewItem, key, given_target, my vote's kind, label and value, adjudicates).

    `adjudicates` is null if the person has no claim on the item.
    """
    return db.execute(
        select(
            ReviewItem,
            Example.key,
            Example.given_target,
            ReviewVote.kind.label("vote_kind"),
            ReviewVote.label.label("vote_label"),
            ReviewVote.value.label("vote_value"),
            ReviewClaim.adjudicates,
        )
        .join(
            Example,
            (Example.dataset_id == queue.dataset_id) & (Example.position == ReviewItem.position),
        )
        .outerjoin(
            ReviewVote,
            (ReviewVote.queue_id == ReviewItem.queue_id)
            & (ReviewVote.position == ReviewItem.position)
            & (ReviewVote.principal_id == me),
        )
        .outerjoin(
            ReviewClaim,
            (ReviewClaim.queue_id == ReviewItem.queue_id)
            & (ReviewClaim.position == ReviewItem.position)
            & (ReviewClaim.principal_id == me),
        )
        .where(ReviewItem.queue_id == queue.id, ReviewItem.position.in_(positions))
    ).all()


def verdicts_on(
    db: Session, queue_id: uuid.UUID, positions: Sequence[int], limit: int
) -> Sequence[Row[ReviewVerdict, str, bool]]:
    """Rows of (ReviewVerdict, who, is_undone) of some items, the latest first."""
    undo = aliased(ReviewVerdict)
    is_undone = (
        select(undo.id)
        .where(
            # By whomever: a batch is undone by any engineer.
            undo.queue_id == queue_id,
            undo.undoes == ReviewVerdict.id,
        )
        .exists()
    )
    return db.execute(
        select(ReviewVerdict, Principal.name, is_undone.label("is_undone"))
        .join(Principal, Principal.id == ReviewVerdict.principal_id)
        .where(ReviewVerdict.queue_id == queue_id, ReviewVerdict.position.in_(positions))
        .order_by(ReviewVerdict.id.desc())
        .limit(limit)
    ).all()


def decided_today(db: Session, queue_id: uuid.UUID, me: uuid.UUID) -> int:
    """How many items the person decided in the queue today, in UTC."""
    return (
        db.scalar(
            select(ReviewTally.decided).where(
                ReviewTally.queue_id == queue_id,
                ReviewTally.principal_id == me,
                ReviewTally.day == cast(func.timezone("utc", func.now()), Date),
            )
        )
        or 0
    )
