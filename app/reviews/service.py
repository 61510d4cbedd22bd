"""What a review page needs, in as few statements as can be."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.reviews.claims import next_items
from app.reviews.figure_schemas import ProgressOut
from app.reviews.figures import queue_progress
from app.reviews.item_schemas import NextOut
from app.reviews.models import ReviewQueue
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
