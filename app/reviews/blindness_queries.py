"""SQL of who is under blind review, and what is a person's own there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select, union
from sqlalchemy.orm import Session

from app.reviews.models import ReviewClaim, ReviewQueue, ReviewVerdict


def blind_queue(db: Session, dataset_id: uuid.UUID) -> str | None:
    """The name of an open queue of the dataset that is blind, if there is one."""
    return db.scalar(
        select(ReviewQueue.name)
        .where(
            ReviewQueue.dataset_id == dataset_id,
            ReviewQueue.closed_at.is_(None),
            or_(ReviewQueue.audits > 0, ReviewQueue.canaries > 0),
        )
        .order_by(ReviewQueue.created_at)
        .limit(1)
    )


def own_of(
    db: Session, queue_id: uuid.UUID, positions: Sequence[int], me: uuid.UUID
) -> frozenset[int]:
    """Those of the items that the person has in hand, or has decided once."""
    own = union(
        *(
            select(each.position).where(
                each.queue_id == queue_id,
                each.principal_id == me,
                each.position.in_(positions),
            )
            for each in (ReviewClaim, ReviewVerdict)
        )
    )
    return frozenset(db.scalars(own))
