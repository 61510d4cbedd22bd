"""Who may not know which items are flags, which audits and which canaries.

A queue with audits or canaries is blind until it is closed. Whoever reviews in it is to judge each
item by itself: an audit that is known for one is looked at differently, and proves nothing. So
until then people with the role reviewer are not told what the dataset's scans found either, nor
what its queues hold beside their own work. Engineers and admins see all, but of an item that they
have in hand themselves; viewers decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.reviews import blindness_queries as queries
from app.reviews.at_queue import QueueLike
from app.reviews.errors import UnderBlindReview


def is_blind_to(caller: Caller, queue: QueueLike) -> bool:
    """Whether the queue is one whose items' roles the caller may not know."""
    return queue.is_blind and caller.role is Role.reviewer


def has_sight(db: Session, caller: Caller, dataset_id: UUID) -> bool:
    """Whether the caller may know what scans and queues say of the dataset's examples."""
    return caller.role is not Role.reviewer or queries.blind_queue(db, dataset_id) is None


def require_sight(db: Session, caller: Caller, dataset_id: UUID) -> None:
    """Raises UnderBlindReview: the caller does not have sight of the dataset."""
    if caller.role is not Role.reviewer:
        return
    name = queries.blind_queue(db, dataset_id)
    if name is not None:
        raise UnderBlindReview(
            f"This dataset is reviewed blindly in the queue {name!r}: until that is closed, "
            "reviewers see its examples, and what is known of them, in their own reviews only.",
            remedy="Go on reviewing, ask an engineer, or wait until the queue is closed.",
        )


def require_own(db: Session, caller: Caller, queue: QueueLike, position: int) -> None:
    """Raises UnderBlindReview: the caller may look at their own items only, and it is not."""
    if not visible(db, caller, queue, [position]):
        require_sight(db, caller, queue.dataset_id)


def visible(
    db: Session, caller: Caller, queue: QueueLike, positions: Sequence[int]
) -> frozenset[int]:
    """Those of the positions that the caller may look at, be they items or not."""
    if has_sight(db, caller, queue.dataset_id):
        return frozenset(positions)
    return queries.own_of(db, queue.id, positions, caller.principal_id)
