"""The exports of a dataset: a form for the next, and the files of those there are."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.access.guards import FormEngineer, PageEngineer, PageViewer
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.frame import Place, page, project_url, with_query
from app.datasets.service import get_dataset
from app.datasets.views import dataset_url
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.exports import service
from app.exports.download import download
from app.exports.models import ExportKind
from app.exports.schemas import ExportIn
from app.exports.view import UNFINISHED, choices, export_rows, sources_of
from app.paging import decode_time_cursor
from app.reviews.blindness import require_sight
from app.reviews.decisions import deciding_queues
from app.scans.service import latest_scan, list_scans

router = APIRouter(include_in_schema=False)

_IN_A_PAGE = 20
_SCANS_SHOWN = 20
_REFRESH_S = 3


@router.get("/datasets/{dataset_id}/exports")
def dataset_exports(
    dataset_id: UUID, caller: PageViewer, db: ReadSession, after: str | None = None
) -> Response:
    return _exports_page(db, caller, dataset_id, after=after)


@router.post("/datasets/{dataset_id}/exports")
def create_export(
    dataset_id: UUID,
    caller: FormEngineer,
    db: WriteSession,
    what: Annotated[str, Form(max_length=20)] = "jsonl",
    register_as: Annotated[str, Form(max_length=200)] = "",
    source: Annotated[str, Form(max_length=50)] = "",
) -> Response:
    """Raises DatasetNotFound."""
    typed = {"what": what, "register_as": register_as.strip(), "source": source}
    try:
        with db.begin_nested():
            service.create_export(db, caller, _asked(dataset_id, **typed))
    except ProblemError as error:
        if error.status == 404:
            raise
        return _exports_page(db, caller, dataset_id, problem=error, typed=typed)
    except ValidationError:
        problem = {"detail": "This cannot be exported so.", "remedy": "Choose one of the list."}
        return _exports_page(db, caller, dataset_id, problem=problem, typed=typed)
    return RedirectResponse(f"{project_url(caller)}/datasets/{dataset_id}/exports", 303)


def _asked(dataset_id: UUID, what: str, register_as: str, source: str) -> ExportIn:
    """Raises ValidationError."""
    body: dict[str, Any] = {"dataset_id": dataset_id, "kind": "patch", "format": what}
    if what == ExportKind.dataset.value:
        body |= {"kind": what, "format": None, "register_as": register_as or None}
    elif what == ExportKind.evidence.value:
        body |= {"kind": what, "format": None}
    elif what in (ExportKind.label_studio.value, ExportKind.argilla.value):
        of, _, found = source.partition(" ")
        named = {"scan_id": found} if of == "scan" else {"queue_ids": [found]}
        body |= {"kind": what, "format": None} | named
    return ExportIn.model_validate(body)


def _exports_page(
    db: Session,
    caller: Caller,
    dataset_id: UUID,
    *,
    after: str | None = None,
    problem: Any = None,
    typed: dict[str, str] | None = None,
) -> Response:
    dataset = get_dataset(db, caller, dataset_id)
    require_sight(db, caller, dataset_id)
    exports, following = service.list_exports(
        db, caller, dataset_id=dataset_id, after=decode_time_cursor(after), limit=_IN_A_PAGE
    )
    queues = deciding_queues(db, caller, dataset_id, None)
    scans, _ = list_scans(db, caller, dataset_id=dataset_id, limit=_SCANS_SHOWN)
    sources = sources_of(scans, queues)
    what = choices(
        is_reviewed=bool(queues),
        is_scanned=latest_scan(db, dataset, complete=True) is not None,
        has_sources=bool(sources),
    )
    url = f"{dataset_url(caller, dataset)}/exports"
    title = f"{dataset.name} {dataset.version}"
    return page(
        "exports/exports.html",
        title=f"{title}: exports",
        caller=caller,
        section="datasets",
        crumbs=(
            Place("datasets", f"{project_url(caller)}/datasets"),
            Place(title, dataset_url(caller, dataset)),
            Place("exports"),
        ),
        # What is being typed would be lost.
        refresh_s=_REFRESH_S
        if problem is None and any(each.status in UNFINISHED for each in exports)
        else None,
        status=200 if problem is None else getattr(problem, "status", 422),
        url=url,
        what=what,
        typed=typed or {"what": what[0][0] if what else "", "register_as": "", "source": ""},
        problem=problem,
        queues=len(queues),
        sources=sources,
        may_export=caller.role.includes(Role.engineer),
        exports=export_rows(caller, exports),
        first_url=url if after else None,
        next_url=with_query(url, after=following) if following else None,
    )


@router.get("/exports/{export_id}/files/{number}")
def export_file(
    export_id: UUID, number: int, caller: PageEngineer, db: ReadSession
) -> FileResponse:
    return download(*service.open_file(db, caller, export_id, number))
