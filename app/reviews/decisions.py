"""What people decided about a dataset's examples, for rooms that take it out of the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.reviews import decision_queries as queries
from app.reviews.errors import OtherDataset
from app.reviews.models import ReviewQueue
from app.reviews.queues import get_queue

DECISION_COLUMNS = (
    "position",
    "outcome",
    "label",
    "value",
    "settled_by",
    "who",
    "at",
    "why",
    "queue",
    "in_conflict",
)
LOG_COLUMNS = (
    "queue",
    "id",
    "position",
    "key",
    "person",
    "who",
    "at",
    "kind",
    "label",
    "value",
    "comment",
    "seconds",
    "undoes",
    "batch",
    "adjudicates",
    "counted",
    "item_state",
)
OUTCOME_COLUMNS = (
    "queue",
    "position",
    "key",
    "state",
    "role",
    "given_label",
    "settled_by",
    "outcome",
    "label",
    "value",
    "batch",
)


@dataclass(frozen=True)
class Undecided:
    """Examples whose label stays because people could not settle it.

    unsure: of the disputed, those that somebody was unsure about.
    at: the database's time of this transaction.
    """

    disputed: int
    unsure: int
    at: datetime


def deciding_queues(
    db: Session, caller: Caller, dataset_id: UUID, queue_ids: Sequence[UUID] | None
) -> list[ReviewQueue]:
    """The queues named, or all of the dataset, the oldest first.

    Raises:
        QueueNotFound; OtherDataset: one is of another dataset.
    """
    if queue_ids is None:
        return list(queries.queues_of(db, dataset_id))
    queues = [get_queue(db, caller, queue_id) for queue_id in dict.fromkeys(queue_ids)]
    for queue in queues:
        if queue.dataset_id != dataset_id:
            raise OtherDataset(
                f"The queue {queue.name!r} is of another dataset.",
                field="queue_ids",
                remedy="Name queues of the dataset, or leave them out to take all of it.",
            )
    return queues


def queues_named(db: Session, queue_ids: Sequence[UUID]) -> list[ReviewQueue]:
    """Queues whose tenancy was checked, in the order asked for."""
    found = {queue.id: queue for queue in queries.queues_by_id(db, queue_ids)}
    return [found[queue_id] for queue_id in queue_ids]


def copy_decisions(db: Session, queue_ids: Sequence[UUID]) -> Iterator[memoryview | bytes]:
    """What was settled of each example, as lines of CSV with DECISION_COLUMNS, by position.

    Where queues came to different outcomes the later one counts, and `in_conflict` says so. `at`
    is in microseconds since 1970, `queue` an index into the ids given. Streamed: it costs no
    memory here.
    """
    return queries.copy_decisions(db, queue_ids)


def decisions_at(db: Session, queue_ids: Sequence[UUID], positions: Sequence[int]) -> Sequence[Any]:
    """The same of some examples, as rows; label and value are `outcome_label`, `outcome_value`."""
    return queries.decisions_at(db, queue_ids, positions) if positions else []


def copy_open_items(db: Session, queue_id: UUID) -> Iterator[memoryview | bytes]:
    """A queue's open items but what was drawn, in its order, as a scan's flags are copied.

    The `rank` is the place in the queue. Items of a queue that is blind, or shows no suggestions,
    hold nothing but position, rank and given label: whoever decides them elsewhere is told no more
    than they would be here.
    """
    [queue] = queries.queues_by_id(db, [queue_id])
    is_told = queue.show_suggestion and not queue.is_blind
    return queries.copy_open_items(db, queue, is_told=is_told)


def count_undecided(db: Session, queue_ids: Sequence[UUID]) -> Undecided:
    row = queries.undecided(db, queue_ids)
    return Undecided(row.disputed, row.unsure, row.at)


def copy_log(
    db: Session, dataset_id: UUID, queue_ids: Sequence[UUID]
) -> Iterator[memoryview | bytes]:
    """All that people decided or took back, as lines of CSV with LOG_COLUMNS.

    Queue by queue (an index into the ids given), in the order in which it was written; `at` is in
    microseconds since 1970. Without canaries. Streamed.
    """
    return queries.copy_log(db, dataset_id, queue_ids)


def copy_outcomes(
    db: Session, dataset_id: UUID, queue_ids: Sequence[UUID]
) -> Iterator[memoryview | bytes]:
    """What became of the items that are done or disputed, as lines of CSV with OUTCOME_COLUMNS.

    Queue by queue, in the order of positions. `role` is told of what is done. Streamed.
    """
    return queries.copy_outcomes(db, dataset_id, queue_ids)
