"""The page that starts a scan, and tells before what it will cost."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from app.access.guards import FormEngineer, PageEngineer
from app.access.service import Caller
from app.dashboard.frame import Place, page, project_url
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.runs.service import get_run
from app.scans import estimates, service
from app.scans.new_scan_form import (
    FormInvalid,
    NewScanForm,
    TypedForm,
    form_of_request,
    problems_of_error,
    request_of_form,
)
from app.scans.new_scan_view import NewScanView, new_scan_url, new_scan_view
from app.scans.views import scan_url

router = APIRouter(prefix="/scans/new", include_in_schema=False)


@router.get("")
def new_scan_page(
    caller: PageEngineer, db: ReadSession, run: UUID | None = None, estimate: UUID | None = None
) -> Response:
    if estimate is not None:
        found = estimates.get_estimate(db, caller, estimate)
        form = form_of_request(estimates.request_of(found))
        return _page(caller, new_scan_view(db, caller, form, estimate=found))
    asked = None if run is None else NewScanForm(run=str(get_run(db, caller, run).id))
    return _page(caller, new_scan_view(db, caller, asked))


@router.post("")
def new_scan(
    caller: FormEngineer, db: WriteSession, form: TypedForm, do: Annotated[str, Form()] = "start"
) -> Response:
    """`do`: show another run's checkpoints, estimate, or start."""
    if do == "show":
        return _page(caller, new_scan_view(db, caller, form))
    try:
        request = request_of_form(form)
        if do == "estimate":
            estimate = estimates.ask_estimate(db, caller, request)
            return RedirectResponse(f"{new_scan_url(caller, estimate=estimate.id)}#cost", 303)
        return RedirectResponse(scan_url(caller, service.start_scan(db, caller, request)), 303)
    except FormInvalid as error:
        view = new_scan_view(db, caller, form, problems=error.problems)
        return _page(caller, view, 422)
    except ProblemError as error:
        view = new_scan_view(db, caller, form, problems=problems_of_error(error))
        return _page(caller, view, error.status)


@router.post("/choice")
def start_choice(
    caller: FormEngineer,
    db: WriteSession,
    estimate: Annotated[UUID, Form()],
    choice: Annotated[str, Form()],
) -> Response:
    """Start one of the scans that an estimate sets beside each other."""
    found = estimates.get_estimate(db, caller, estimate)
    try:
        scan = estimates.start_estimated(db, caller, estimate, choice)
    except ProblemError as error:  # a checkpoint may have failed since
        form = form_of_request(estimates.request_of(found))
        view = new_scan_view(db, caller, form, problems=problems_of_error(error), estimate=found)
        return _page(caller, view, error.status)
    return RedirectResponse(scan_url(caller, scan), 303)


def _page(caller: Caller, view: NewScanView, status: int = 200) -> Response:
    return page(
        "scans/new.html",
        title="New scan",
        caller=caller,
        section="scans",
        crumbs=(Place("scans", f"{project_url(caller)}/scans"), Place("new scan")),
        status=status,
        view=view,
    )
