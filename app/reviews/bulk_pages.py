"""The page on which many items are decided at once, after a look at what that would do."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access.guards import FormEngineer, PageEngineer
from app.access.service import Caller
from app.dashboard.frame import with_query
from app.datasets.service import get_dataset
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.paging import decode_time_cursor
from app.reviews import bulk, queues
from app.reviews.bulk_form import (
    BulkForm,
    TypedBulk,
    problems_of,
    request_of_form,
    sample_of_form,
)
from app.reviews.bulk_view import BulkPreview, bulk_view, preview_view
from app.reviews.lead_pages import queue_answer
from app.reviews.queue_form import FormInvalid, Problems
from app.reviews.queue_view import queue_url

router = APIRouter(prefix="/queues/{queue_id}/bulk", include_in_schema=False)
_Text = Annotated[str, Query(max_length=500)]


@router.get("")
def bulk_page(
    queue_id: UUID,
    caller: PageEngineer,
    db: ReadSession,
    given: _Text = "",
    suggested: _Text = "",
    kind: _Text = "relabel",
    label: _Text = "",
    sample: UUID | None = None,
    after: str | None = None,
    done: UUID | None = None,
    undone: UUID | None = None,
) -> Response:
    form = BulkForm(
        given=given,
        suggested=suggested,
        kind=kind,
        label=label or suggested,
        sample=str(sample) if sample else "",
    )
    said = None
    if done is not None:
        batch = bulk.get_batch(db, caller, queue_id, done)
        said = f"{batch.item_count:,} items are decided. It can be undone below."
    elif undone is not None:
        said = "The batch is undone: its items are open again."
    return _page(db, caller, queue_id, form, said=said, after=after)


@router.post("")
def bulk_decision(
    queue_id: UUID,
    caller: FormEngineer,
    db: WriteSession,
    form: TypedBulk,
    do: Annotated[str, Form()] = "preview",
) -> Response:
    """`do`: preview, sample, or decide.

    Raises:
        QueueNotFound.
    """
    try:
        with db.begin_nested():
            if do == "sample":
                return _draw(db, caller, queue_id, form)
            body = request_of_form(form)
            if do == "decide":
                batch = bulk.apply_batch(db, caller, queue_id, body)
                url = f"{queue_url(caller, queue_id)}/bulk"
                return RedirectResponse(with_query(url, done=batch.id), 303)
            found = bulk.preview_batch(db, caller, queue_id, body)
    except FormInvalid as error:
        return _page(db, caller, queue_id, form, problems=error.problems, status=422)
    except ProblemError as error:
        if error.status == 404 and error.field != "sample_id":
            raise
        problems = problems_of(error)
        return _page(db, caller, queue_id, form, problems=problems, status=error.status)
    queue = queues.get_queue(db, caller, queue_id)
    dataset = get_dataset(db, caller, queue.dataset_id)
    preview = preview_view(caller, queue, dataset, found, body.verdict)
    return _page(db, caller, queue_id, form, preview=preview)


def _draw(db: Session, caller: Caller, queue_id: UUID, form: BulkForm) -> Response:
    sample = bulk.draw_sample(db, caller, queue_id, sample_of_form(form))
    url = with_query(
        f"{queue_url(caller, queue_id)}/bulk",
        given=form.given,
        suggested=form.suggested,
        kind=form.kind,
        label=form.label,
        sample=sample.id,
    )
    return RedirectResponse(url, 303)


@router.post("/{batch_id}/undo")
def undo_batch(queue_id: UUID, batch_id: UUID, caller: FormEngineer, db: WriteSession) -> Response:
    """Raises QueueNotFound, QueueClosed, BatchNotFound, BatchUndone."""
    bulk.undo_batch(db, caller, queue_id, batch_id)
    url = f"{queue_url(caller, queue_id)}/bulk"
    return RedirectResponse(with_query(url, undone=batch_id), 303)


def _page(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    form: BulkForm,
    *,
    problems: Problems | None = None,
    preview: BulkPreview | None = None,
    said: str | None = None,
    after: str | None = None,
    status: int = 200,
) -> Response:
    queue = queues.get_queue(db, caller, queue_id)
    dataset = get_dataset(db, caller, queue.dataset_id)
    cursor: Any = decode_time_cursor(after)
    view = bulk_view(
        db, caller, queue, dataset, form, problems=problems, preview=preview, after=cursor
    )
    return queue_answer(
        "reviews/bulk.html",
        caller,
        queue,
        "decide many",
        view=view,
        said=said,
        after=after,
        status=status,
    )
