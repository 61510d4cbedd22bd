"""The page that makes a queue from a scan, and tells before how many items it will have."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access.guards import FormEngineer, PageEngineer
from app.access.service import Caller
from app.dashboard.frame import Place, page, project_url
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.reviews import queues
from app.reviews.new_queue_view import (
    NewQueueView,
    new_queue_view,
    preview_of,
    scan_choices,
    suggested_form,
)
from app.reviews.queue_form import FormInvalid, QueueForm, TypedQueue, problems_of, request_of_form
from app.reviews.queue_view import queue_url
from app.scans.errors import ScanNotFound
from app.scans.region_address import Asked
from app.scans.results import Results, open_results

router = APIRouter(prefix="/queues/new", include_in_schema=False)


@router.get("")
def new_queue_page(
    caller: PageEngineer, db: ReadSession, asked: Asked, scan: UUID | None = None
) -> Response:
    """How many items it means is counted after the page: among a million that takes a moment.

    Raises:
        ScanNotFound, ScanNotComplete; RegionInvalid: the address holds a region that is none.
    """
    if scan is None:
        return _page(caller, None, choices=scan_choices(db, caller))
    found = open_results(db, caller, scan)
    form = suggested_form(found, asked)
    return _page(caller, new_queue_view(db, caller, found, form))


@router.post("")
def new_queue(
    caller: FormEngineer,
    db: WriteSession,
    form: TypedQueue,
    do: Annotated[str, Form()] = "make",
) -> Response:
    """`do`: count, or make.

    Raises:
        ScanNotFound, ScanNotComplete: the form belongs to no scan that has results.
    """
    found = _open(db, caller, form)
    try:
        body = request_of_form(form)
        if do == "count":
            preview = preview_of(found, body, queues.count_items(db, caller, body))
            return _page(caller, new_queue_view(db, caller, found, form, preview=preview))
        with db.begin_nested():  # a queue that is refused half way leaves nothing
            made = queues.create_queue(db, caller, body)
        return RedirectResponse(queue_url(caller, made.id), 303)
    except FormInvalid as error:
        problems, status = error.problems, 422
    except ProblemError as error:
        problems, status = problems_of(error), error.status
    view = new_queue_view(db, caller, found, form, problems=problems)
    return _page(caller, view, status=status)


def _open(db: Session, caller: Caller, form: QueueForm) -> Results:
    try:
        return open_results(db, caller, UUID(form.scan))
    except ValueError as error:
        raise ScanNotFound(
            "This form belongs to no scan.", remedy="Begin again from a scan's page."
        ) from error


def _page(
    caller: Caller, view: NewQueueView | None, *, choices: object = (), status: int = 200
) -> Response:
    return page(
        "reviews/new_queue.html",
        title="New queue",
        caller=caller,
        section="queues",
        crumbs=(Place("queues", f"{project_url(caller)}/queues"), Place("new queue")),
        status=status,
        view=view,
        choices=choices,
    )
