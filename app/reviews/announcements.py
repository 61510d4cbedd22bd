"""Telling webhooks what happened at queues."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.reviews import queue_queries as queries
from app.reviews.desks import AtDesk
from app.webhooks import service as webhooks
from app.webhooks.events import Event, QueueDisagreement, QueueEmpty


def announce_disagreement(db: Session, at: AtDesk, position: int, key: str, votes: int) -> None:
    """Called by whoever has just made an item disputed, in the transaction in which they did."""
    webhooks.emit(
        db,
        at.queue.project_id,
        Event.queue_disagreement,
        QueueDisagreement(
            queue_id=at.queue.id,
            queue=at.queue.name,
            dataset_id=at.queue.dataset_id,
            position=position,
            key=key,
            verdict_count=votes,
        ),
    )


def announce_finished(db: Session) -> None:
    """Mark and tell of the queues whose last item was decided since the last call.

    Now and then rather than at each decision: whether all is done is a sum over everybody's
    tallies, and of two who decide the last two items at once neither would see the other's.
    """
    for queue in queries.mark_finished(db):
        webhooks.emit(
            db,
            queue.project_id,
            Event.queue_empty,
            QueueEmpty(
                queue_id=queue.id,
                queue=queue.name,
                dataset_id=queue.dataset_id,
                item_count=queue.item_count,
            ),
        )
