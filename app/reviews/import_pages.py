"""The page that takes annotations from other tools, and takes them back."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.access.guards import FormEngineer, PageEngineer
from app.access.service import Caller
from app.dashboard.frame import with_query
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.paging import decode_time_cursor
from app.reviews import imports, queues
from app.reviews.errors import AnnotationsInvalid
from app.reviews.import_schemas import MOST_ANNOTATIONS, ImportIn
from app.reviews.import_view import ReportView, import_rows, report_view
from app.reviews.lead_pages import queue_answer
from app.reviews.queue_view import queue_url
from cleantrace.annotations import AnnotationsUnreadable, read_annotations

router = APIRouter(prefix="/queues/{queue_id}/imports", include_in_schema=False)

_IN_A_PAGE = 20
_Tool = Literal["label-studio", "argilla"]
_Skipped = Literal["unsure", "unusable", "ignore"]


@router.get("")
def imports_page(
    queue_id: UUID,
    caller: PageEngineer,
    db: ReadSession,
    after: str | None = None,
    done: UUID | None = None,
    undone: UUID | None = None,
) -> Response:
    report, said = None, None
    if done is not None:
        made = imports.describe_import(imports.get_import(db, caller, queue_id, done))
        report = report_view(made, is_done=True)
    elif undone is not None:
        said = "The import is undone: what it brought counts no more."
    return _page(db, caller, queue_id, report=report, said=said, after=after)


@router.post("")
def import_file(
    queue_id: UUID,
    caller: FormEngineer,
    db: WriteSession,
    file: Annotated[UploadFile, File()],
    tool: Annotated[_Tool, Form()] = "label-studio",
    skipped: Annotated[_Skipped, Form()] = "unsure",
    leave_out: Annotated[bool, Form()] = False,
    do: Annotated[Literal["preview", "import"], Form()] = "preview",
) -> Response:
    """Raises QueueNotFound."""
    typed = {"tool": tool, "skipped": skipped, "leave_out": leave_out}
    try:
        with db.begin_nested():
            body = _read(file, tool, skipped, leave_out)
            if do == "preview":
                report = imports.preview_import(db, caller, queue_id, body)
                return _page(
                    db, caller, queue_id, report=report_view(report, is_done=False), typed=typed
                )
            made = imports.import_annotations(db, caller, queue_id, body)
    except ProblemError as error:
        if error.status == 404:
            raise
        return _page(db, caller, queue_id, problem=error, typed=typed, status=error.status)
    if made.id is None:
        return _page(db, caller, queue_id, report=report_view(made, is_done=True), typed=typed)
    return RedirectResponse(with_query(f"{queue_url(caller, queue_id)}/imports", done=made.id), 303)


def _read(file: UploadFile, tool: _Tool, skipped: _Skipped, leave_out: bool) -> ImportIn:
    """Raises AnnotationsInvalid: the file is not what the tool exports, or too long for a page."""
    try:
        found = read_annotations(file.file.read(), tool, skipped=skipped)
    except AnnotationsUnreadable as error:
        raise AnnotationsInvalid(
            f"The file cannot be read. {error}", field="file", remedy="Export it once more as JSON."
        ) from error
    if not 0 < len(found) <= MOST_ANNOTATIONS:
        raise AnnotationsInvalid(
            f"The file has {len(found):,} annotations.",
            field="file",
            remedy=f"A page takes 1 to {MOST_ANNOTATIONS:,}; the command line takes any number: "
            "cleantrace queues import.",
        )
    body = {"tool": tool, "annotations": [each.as_json() for each in found]}
    try:
        return ImportIn.model_validate(body | {"leave_out_invalid": leave_out})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise AnnotationsInvalid(
            f"The file cannot be imported. {place}: {first['msg']}.",
            field="file",
            remedy="Mend it in the tool, and export it once more.",
        ) from error


def _page(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    *,
    report: ReportView | None = None,
    said: str | None = None,
    problem: Any = None,
    typed: dict[str, Any] | None = None,
    after: str | None = None,
    status: int = 200,
) -> Response:
    queue = queues.get_queue(db, caller, queue_id)
    found, following = imports.list_imports(
        db, caller, queue_id, after=decode_time_cursor(after), limit=_IN_A_PAGE
    )
    url = f"{queue_url(caller, queue_id)}/imports"
    return queue_answer(
        "reviews/imports.html",
        caller,
        queue,
        "import",
        report=report,
        said=said,
        problem=problem,
        typed=typed or {"tool": "label-studio", "skipped": "unsure", "leave_out": False},
        imports=import_rows(db, found, url),
        first_url=url if after else None,
        next_url=with_query(url, after=following) if following else None,
        status=status,
    )


@router.post("/{import_id}/undo")
def undo_import(
    queue_id: UUID, import_id: UUID, caller: FormEngineer, db: WriteSession
) -> Response:
    """Raises QueueNotFound, QueueClosed, ImportNotFound, ImportUndone."""
    imports.undo_import(db, caller, queue_id, import_id)
    url = f"{queue_url(caller, queue_id)}/imports"
    return RedirectResponse(with_query(url, undone=import_id), 303)
