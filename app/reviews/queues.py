"""Making, ordering, assigning, closing and describing queues."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.datasets.models import Dataset, Task
from app.datasets.service import get_dataset
from app.db import new_id, now
from app.estimates.drawing import make_pool
from app.paging import cut_page
from app.reviews import queue_queries as queries
from app.reviews.assigning import assign, is_assigned
from app.reviews.at_queue import QueueLike
from app.reviews.duty_queries import duties
from app.reviews.errors import (
    CanariesInvalid,
    KeysUnknown,
    OrderInvalid,
    OtherDataset,
    QueueClosed,
    QueueEmpty,
    QueueExists,
    QueueNotClosed,
    QueueNotFound,
)
from app.reviews.models import Duty, OrderBy, ReviewQueue
from app.reviews.queue_schemas import AssignIn, MixingIn, QueueIn, QueueOut, ReprioritiseIn
from app.reviews.selection import Selection, kept_policy, selection_of
from app.scans.results import Results, open_results

NOT_IN_REGRESSION = {OrderBy.margin, OrderBy.given_probability}


_MANY_ITEMS = 10_000
"""So many change what the planner should know of all items together."""


def create_queue(db: Session, caller: Caller, body: QueueIn) -> ReviewQueue:
    """Make a queue from a scan's results.

    Raises:
        ScanNotFound, ScanNotComplete, ClassUnknown, RegionInvalid.
        OrderInvalid: the task has no such score.
        KeysUnknown: a key of the list is not the data set's.
        PersonUnknown, GroupUnknown: somebody assigned may not review in the project.
        QueueExists: the project has a queue of this name.
        QueueEmpty: the policy chooses nothing.
        CanariesInvalid: there is no other class to show.
    """
    found, selection = _asked(db, caller, body)
    values = body.model_dump(
        include={
            "name",
            "overlap",
            "claim_ttl_s",
            "show_suggestion",
            "tolerance",
            "scan_id",
            "audits",
            "canaries",
        }
    ) | {
        "id": new_id(),
        "project_id": caller.project_id,
        "dataset_id": found.dataset.id,
        "order_scan_id": body.scan_id,
        "order_by": body.order_by.value,
        "policy": kept_policy(body.policy),
        "is_assigned": is_assigned(body),
        "epoch": 0,
        "item_count": 0,
        "audits_drawn": 0,
        "canaries_made": 0,
        "mixed_in": 0,
        "created_at": now(),
        "created_by": caller.principal_id,
    }
    queue = queries.add_queue(db, values)
    if queue is None:
        raise QueueExists(
            f"The project has a queue {body.name!r} already.",
            field="name",
            remedy="Choose another name.",
        )
    assign(db, caller, queue.id, body)
    count = queries.add_items(db, queue, selection)
    if count == 0:
        raise QueueEmpty(
            "No example of the scan fits the policy.",
            field="policy",
            remedy="Choose a wider policy; the scan's page shows what there is.",
        )
    if count >= _MANY_ITEMS:
        queries.analyse_items(db)
    # Last, as whoever decides something of the dataset may have to wait from here on.
    _plan_mixing(db, found.dataset, body.audits, body.canaries)
    audit(db, caller, "create_queue", f"queue {queue.id}", name=body.name, items=count)
    return queries.change_queue(db, queue.id, item_count=count)


def _asked(db: Session, caller: Caller, body: QueueIn) -> tuple[Results, Selection]:
    found = open_results(db, caller, body.scan_id)
    _require_order(found, body.order_by)
    selection = selection_of(db, body.policy, found)
    if selection.keys is not None:
        _require_known(db, found, selection.keys)
    return found, selection


def count_items(db: Session, caller: Caller, body: QueueIn) -> int:
    """How many items the queue would have. Makes nothing.

    Raises:
        ScanNotFound, ScanNotComplete, ClassUnknown, RegionInvalid, OrderInvalid, KeysUnknown.
    """
    found, selection = _asked(db, caller, body)
    draft = ReviewQueue(
        scan_id=body.scan_id, dataset_id=found.dataset.id, order_by=body.order_by.value
    )
    return queries.count_chosen(db, draft, selection)


def _require_order(found: Results, order_by: OrderBy) -> None:
    if found.dataset.task == Task.regression and order_by in NOT_IN_REGRESSION:
        raise OrderInvalid(
            f"A regression has no {order_by.value} to order by.",
            field="order_by",
            remedy="Order by suspicion, self_influence, last_layer, loss or el2n.",
        )


def _require_known(db: Session, found: Results, keys: Sequence[str]) -> None:
    unknown = queries.unknown_keys(db, found.dataset.id, keys)
    if unknown:
        shown = ", ".join(repr(key) for key in unknown[:5]) + (", …" if len(unknown) > 5 else "")
        raise KeysUnknown(
            f"The dataset has no example with {len(unknown)} of the keys: {shown}.",
            field="policy.keys",
            remedy="Leave them out, or make the queue from a scan of the dataset that has them.",
        )


def reprioritise_queue(
    db: Session, caller: Caller, queue_id: UUID, body: ReprioritiseIn
) -> ReviewQueue:
    """Order a queue by another scan of its dataset. Verdicts and claims stay.

    Raises:
        QueueNotFound, QueueClosed, ScanNotFound, ScanNotComplete, OrderInvalid.
        OtherDataset: the scan is of another dataset.
    """
    queue = get_queue(db, caller, queue_id)
    require_open(queue)
    found = open_results(db, caller, body.scan_id)
    if found.dataset.id != queue.dataset_id:
        raise OtherDataset(
            "The scan is of another dataset than the queue.",
            field="scan_id",
            remedy=f"Name a complete scan of the dataset {queue.dataset_id}.",
        )
    order_by = body.order_by or OrderBy(queue.order_by)
    _require_order(found, order_by)
    queries.hold_queue(db, queue.id)
    audit(db, caller, "reprioritise_queue", f"queue {queue_id}", scan=str(body.scan_id))
    return queries.reprioritise(db, queue, body.scan_id, order_by)


def change_mixing(db: Session, caller: Caller, queue_id: UUID, body: MixingIn) -> ReviewQueue:
    """Say anew how many audits and canaries a queue gets in all; what was drawn stays.

    Raises:
        QueueNotFound, QueueClosed, CanariesInvalid.
    """
    queue = get_queue(db, caller, queue_id)
    require_open(queue)
    dataset = get_dataset(db, caller, queue.dataset_id)
    _plan_mixing(db, dataset, body.audits, body.canaries)
    queries.plan_mixing(db, queue_id, body.audits, body.canaries)
    audit(db, caller, "change_mixing", f"queue {queue_id}", **body.model_dump())
    return queries.change_queue(db, queue_id, finished_at=None)


def _plan_mixing(db: Session, dataset: Dataset, audits: int, canaries: int) -> None:
    """Before a queue of the dataset has audits or canaries."""
    if canaries and (dataset.task == Task.regression or len(dataset.classes or []) < 2):
        raise CanariesInvalid(
            "A canary is shown with another class than its own, and this dataset has none.",
            field="canaries",
            remedy="Leave `canaries` at 0.",
        )
    if audits or canaries:
        make_pool(db, dataset.id)


def close_queue(db: Session, caller: Caller, queue_id: UUID) -> ReviewQueue:
    """No item is given out any more; what is in hand may still be decided."""
    queue = get_queue(db, caller, queue_id)
    require_open(queue)
    audit(db, caller, "close_queue", f"queue {queue_id}")
    return queries.change_queue(db, queue_id, closed_at=now())


def reopen_queue(db: Session, caller: Caller, queue_id: UUID) -> ReviewQueue:
    queue = get_queue(db, caller, queue_id)
    if queue.closed_at is None:
        raise QueueNotClosed(
            "The queue is open.", remedy="Only a closed queue can be opened again."
        )
    audit(db, caller, "reopen_queue", f"queue {queue_id}")
    return queries.change_queue(db, queue_id, closed_at=None)


def assign_queue(db: Session, caller: Caller, queue_id: UUID, body: AssignIn) -> ReviewQueue:
    """Say anew who reviews and adjudicates. What is in hand stays with those who hold it.

    Raises:
        QueueNotFound, PersonUnknown, GroupUnknown.
    """
    get_queue(db, caller, queue_id)
    assign(db, caller, queue_id, body)
    audit(db, caller, "assign_queue", f"queue {queue_id}", **body.model_dump(mode="json"))
    return queries.change_queue(db, queue_id, is_assigned=is_assigned(body))


def get_queue(db: Session, caller: Caller, queue_id: UUID) -> ReviewQueue:
    queue = queries.queue(db, caller.project_id, queue_id)
    if queue is None:
        raise queue_not_found(queue_id)
    return queue


def queue_not_found(queue_id: UUID) -> QueueNotFound:
    return QueueNotFound(
        f"There is no review queue {queue_id} in this project.",
        field="queue_id",
        remedy="List the queues to see their ids.",
    )


def require_open(queue: QueueLike) -> None:
    """Raises QueueClosed."""
    if queue.closed_at is not None:
        raise QueueClosed(
            f"The queue {queue.name!r} is closed.",
            remedy="Ask an engineer to open it again, or choose another queue.",
        )


def list_queues(
    db: Session,
    caller: Caller,
    *,
    dataset_id: UUID | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[ReviewQueue], str | None]:
    rows = queries.queues_newest_first(
        db, caller.project_id, dataset_id=dataset_id, after=after, limit=limit + 1
    )
    return cut_page(rows, limit, lambda queue: (queue.created_at, queue.id))


def describe_queues(db: Session, queues: Sequence[ReviewQueue]) -> list[QueueOut]:
    """Queues with who is assigned and counts, in two statements however many they are."""
    ids = [queue.id for queue in queues]
    counts = queries.settled_counts(db, ids)
    assigned: dict[tuple[UUID, str, bool], list[UUID]] = {}
    for queue_id, duty, whose, is_group in duties(db, ids):
        assigned.setdefault((queue_id, duty, is_group), []).append(whose)
    described = []
    for queue in queues:
        row = counts.get(queue.id)
        values = {
            "reviewers": assigned.get((queue.id, Duty.review, False), []),
            "adjudicators": assigned.get((queue.id, Duty.adjudicate, False), []),
            "reviewer_groups": assigned.get((queue.id, Duty.review, True), []),
            "adjudicator_groups": assigned.get((queue.id, Duty.adjudicate, True), []),
            "item_count": queue.whole,
            "done": row.done if row else 0,
            "disputed": row.disputed if row else 0,
        }
        shared = QueueOut.model_fields.keys() - values.keys()
        described.append(
            QueueOut.model_validate({name: getattr(queue, name) for name in shared} | values)
        )
    return described


def describe_queue(db: Session, queue: ReviewQueue) -> QueueOut:
    return describe_queues(db, [queue])[0]
