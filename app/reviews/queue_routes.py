from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.reviews import queues
from app.reviews.errors import (
    CanariesInvalid,
    GroupUnknown,
    KeysUnknown,
    OrderInvalid,
    OtherDataset,
    PersonUnknown,
    QueueClosed,
    QueueEmpty,
    QueueExists,
    QueueNotClosed,
    QueueNotFound,
)
from app.reviews.queue_schemas import AssignIn, MixingIn, QueueIn, QueueOut, ReprioritiseIn
from app.scans.errors import ClassUnknown, RegionInvalid, ScanNotComplete, ScanNotFound
from app.schemas import Page

router = APIRouter(prefix="/queues", tags=["reviews"])


@router.post(
    "",
    status_code=201,
    response_model=QueueOut,
    responses=problems(
        ScanNotFound,
        ScanNotComplete,
        ClassUnknown,
        RegionInvalid,
        OrderInvalid,
        KeysUnknown,
        PersonUnknown,
        GroupUnknown,
        QueueExists,
        QueueEmpty,
        CanariesInvalid,
    ),
)
def create_queue(body: QueueIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> QueueOut:
    """Make a review queue from a scan's results."""
    return once.run(
        db,
        caller,
        QueueOut,
        lambda: queues.describe_queue(db, queues.create_queue(db, caller, body)),
    )


@router.get("", response_model=Page[QueueOut])
def list_queues(
    caller: Viewer,
    db: ReadSession,
    dataset_id: UUID | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[QueueOut]:
    """The project's queues, newest first."""
    items, following = queues.list_queues(
        db, caller, dataset_id=dataset_id, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=queues.describe_queues(db, items), next=following)


@router.get("/{queue_id}", response_model=QueueOut, responses=problems(QueueNotFound))
def get_queue(queue_id: UUID, caller: Viewer, db: ReadSession) -> QueueOut:
    """Where it came from, who works at it, and how many items are settled."""
    return queues.describe_queue(db, queues.get_queue(db, caller, queue_id))


@router.put(
    "/{queue_id}/people",
    response_model=QueueOut,
    responses=problems(QueueNotFound, PersonUnknown, GroupUnknown),
)
def assign_queue(
    queue_id: UUID, body: AssignIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> QueueOut:
    """Say who reviews and who adjudicates: people, groups or both."""
    return once.run(
        db,
        caller,
        QueueOut,
        lambda: queues.describe_queue(db, queues.assign_queue(db, caller, queue_id, body)),
    )


@router.put(
    "/{queue_id}/mixing",
    response_model=QueueOut,
    responses=problems(QueueNotFound, QueueClosed, CanariesInvalid),
)
def change_mixing(
    queue_id: UUID, body: MixingIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> QueueOut:
    """Say how many audits and canaries it gets in all. What was drawn stays."""
    return once.run(
        db,
        caller,
        QueueOut,
        lambda: queues.describe_queue(db, queues.change_mixing(db, caller, queue_id, body)),
    )


@router.post(
    "/{queue_id}/reprioritise",
    response_model=QueueOut,
    responses=problems(
        QueueNotFound, QueueClosed, ScanNotFound, ScanNotComplete, OtherDataset, OrderInvalid
    ),
)
def reprioritise_queue(
    queue_id: UUID, body: ReprioritiseIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> QueueOut:
    """Order it by another scan of its dataset. Verdicts and claims stay."""
    return once.run(
        db,
        caller,
        QueueOut,
        lambda: queues.describe_queue(db, queues.reprioritise_queue(db, caller, queue_id, body)),
    )


@router.post(
    "/{queue_id}/close", response_model=QueueOut, responses=problems(QueueNotFound, QueueClosed)
)
def close_queue(queue_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly) -> QueueOut:
    """Give no item out any more. What is in hand may still be decided."""
    return once.run(
        db,
        caller,
        QueueOut,
        lambda: queues.describe_queue(db, queues.close_queue(db, caller, queue_id)),
    )


@router.post(
    "/{queue_id}/reopen",
    response_model=QueueOut,
    responses=problems(QueueNotFound, QueueNotClosed),
)
def reopen_queue(queue_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly) -> QueueOut:
    return once.run(
        db,
        caller,
        QueueOut,
        lambda: queues.describe_queue(db, queues.reopen_queue(db, caller, queue_id)),
    )
