from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.reviews import bulk
from app.reviews.bulk_schemas import BatchOut, BulkIn, PreviewOut, SampleIn, SampleOut
from app.reviews.errors import (
    BatchNotFound,
    BatchUndone,
    NotAssigned,
    NothingSelected,
    QueueClosed,
    QueueNotFound,
    SampleNotFound,
    VerdictInvalid,
)
from app.scans.errors import ClassUnknown
from app.schemas import Page

router = APIRouter(prefix="/queues/{queue_id}", tags=["reviews"])

_PROBLEMS = problems(
    QueueNotFound, QueueClosed, ClassUnknown, VerdictInvalid, SampleNotFound, NothingSelected
)


@router.post("/batches/preview", response_model=PreviewOut, responses=_PROBLEMS)
def preview_batch(queue_id: UUID, body: BulkIn, caller: Engineer, db: WriteSession) -> PreviewOut:
    """What a bulk decision would do, and what people decided about its sample. Decides nothing."""
    return bulk.preview_batch(db, caller, queue_id, body)


@router.post("/batches", status_code=201, response_model=BatchOut, responses=_PROBLEMS)
def apply_batch(
    queue_id: UUID, body: BulkIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> BatchOut:
    """Decide all free items of a selection at once."""
    return once.run(
        db,
        caller,
        BatchOut,
        lambda: BatchOut.model_validate(bulk.apply_batch(db, caller, queue_id, body)),
    )


@router.get("/batches", response_model=Page[BatchOut], responses=problems(QueueNotFound))
def list_batches(
    queue_id: UUID,
    caller: Viewer,
    db: ReadSession,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[BatchOut]:
    """The queue's batches, newest first."""
    items, following = bulk.list_batches(
        db, caller, queue_id, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=[BatchOut.model_validate(item) for item in items], next=following)


@router.post(
    "/batches/{batch_id}/undo",
    response_model=BatchOut,
    responses=problems(QueueNotFound, QueueClosed, BatchNotFound, BatchUndone),
)
def undo_batch(
    queue_id: UUID, batch_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly
) -> BatchOut:
    """Open the batch's items again."""
    return once.run(
        db,
        caller,
        BatchOut,
        lambda: BatchOut.model_validate(bulk.undo_batch(db, caller, queue_id, batch_id)),
    )


@router.post(
    "/samples",
    status_code=201,
    response_model=SampleOut,
    responses=problems(QueueNotFound, QueueClosed, NotAssigned, ClassUnknown, NothingSelected),
)
def draw_sample(
    queue_id: UUID, body: SampleIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> SampleOut:
    """Draw items of a group at random, claimed for the caller, to be decided by hand.

    Name the sample in a preview to see how many of them agree with a verdict for the whole group.
    """
    return once.run(
        db,
        caller,
        SampleOut,
        lambda: SampleOut.model_validate(bulk.draw_sample(db, caller, queue_id, body)),
    )
