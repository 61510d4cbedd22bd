from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import CursorInvalid, PageAfter, PageLimit, decode_time_cursor
from app.reviews import imports
from app.reviews.errors import (
    AnnotationsInvalid,
    ImportNotFound,
    ImportUndone,
    QueueClosed,
    QueueNotFound,
    UnderBlindReview,
)
from app.reviews.import_schemas import ImportIn, ImportOut, ImportReport
from app.schemas import Page

router = APIRouter(prefix="/queues/{queue_id}/imports", tags=["reviews"])


@router.post(
    "/preview", response_model=ImportReport, responses=problems(QueueNotFound, QueueClosed)
)
def preview_import(
    queue_id: UUID, body: ImportIn, caller: Engineer, db: WriteSession
) -> ImportReport:
    """What an import would do, row by row where it cannot. Decides nothing."""
    return imports.preview_import(db, caller, queue_id, body)


@router.post(
    "",
    status_code=201,
    response_model=ImportOut,
    responses=problems(QueueNotFound, QueueClosed, AnnotationsInvalid),
)
def import_annotations(
    queue_id: UUID, body: ImportIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> ImportOut:
    """Take annotations that were made in another tool as verdicts of their annotators.

    All or none. The same annotations again change nothing.
    """
    return once.run(
        db, caller, ImportOut, lambda: imports.import_annotations(db, caller, queue_id, body)
    )


@router.get(
    "",
    response_model=Page[ImportOut],
    responses=problems(QueueNotFound, CursorInvalid, UnderBlindReview),
)
def list_imports(
    queue_id: UUID,
    caller: Viewer,
    db: ReadSession,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[ImportOut]:
    """The queue's imports, newest first."""
    found, following = imports.list_imports(
        db, caller, queue_id, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=[imports.describe_import(each) for each in found], next=following)


@router.post(
    "/{import_id}/undo",
    response_model=ImportOut,
    responses=problems(QueueNotFound, QueueClosed, ImportNotFound, ImportUndone),
)
def undo_import(
    queue_id: UUID, import_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly
) -> ImportOut:
    """Take back the verdicts that the import brought."""
    return once.run(
        db, caller, ImportOut, lambda: imports.undo_import(db, caller, queue_id, import_id)
    )
