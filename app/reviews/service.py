"""What other rooms and the review page ask of queues, in as few statements as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.reviews import outcome_queries
from app.reviews.claims import next_items
from app.reviews.errors import OtherDataset
from app.reviews.figure_schemas import ProgressOut
from app.reviews.figures import queue_progress
from app.reviews.item_schemas import NextOut
from app.reviews.models import ItemState, ReviewQueue
from app.reviews.queues import get_queue


@dataclass(frozen=True)
class Workplace:
    """A queue as a reviewer meets it: what to decide, what comes after, how far it is."""

    queue: ReviewQueue
    next: NextOut
    progress: ProgressOut


def open_workplace(
    db: Session, caller: Caller, queue_id: UUID, *, count: int = 2, adjudicate: bool = False
) -> Workplace:
    """Claims as `next_items` does, and raises what that raises."""
    following = next_items(db, caller, queue_id, count=count, adjudicate=adjudicate)
    return Workplace(
        get_queue(db, caller, queue_id), following, queue_progress(db, caller, queue_id)
    )


def outcomes_at(
    db: Session, caller: Caller, queue_id: UUID, dataset_id: UUID, positions: Sequence[int]
) -> dict[int, str]:
    """What became of those examples that are items of a queue.

    Returns:
        by position `right`, `relabel` or `unusable`; `disputed` or `open` where it is not settled.
    Raises:
        QueueNotFound; OtherDataset: the queue is not of this dataset.
    """
    queue = get_queue(db, caller, queue_id)
    if queue.dataset_id != dataset_id:
        raise OtherDataset(
            "The queue is of another dataset than the scan.",
            field="queue_id",
            remedy="Name a queue of the scan's own dataset.",
        )
    rows = outcome_queries.outcomes_at(db, queue_id, positions)
    return {
        row.position: row.outcome if row.state == ItemState.done and row.outcome else row.state
        for row in rows
    }
