"""The dashboard's pages of datasets, and the pictures of examples."""

from __future__ import annotations

from textwrap import dedent
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from app.access.guards import FormEngineer, PageViewer
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.frame import Place, page, project_url, with_query
from app.datasets import content, service, views
from app.db import ReadSession, WriteSession
from app.paging import decode_cursor, decode_time_cursor, parse_position
from app.runs.service import newest_run_on
from app.schemas import Position
from app.settings import settings

router = APIRouter(prefix="/datasets", include_in_schema=False)

_IN_A_PAGE = 30
_REFRESH_S = 3


@router.get("")
def list_datasets(caller: PageViewer, db: ReadSession, after: str | None = None) -> Response:
    datasets, following = service.list_datasets(
        db, caller, after=decode_time_cursor(after), limit=_IN_A_PAGE
    )
    url = f"{project_url(caller)}/datasets"
    unfinished = any(dataset.status in views.UNFINISHED for dataset in datasets)
    return page(
        "datasets/list.html",
        title="Datasets",
        caller=caller,
        section="datasets",
        refresh_s=_REFRESH_S if unfinished else None,
        rows=views.dataset_rows(caller, datasets),
        first_url=url if after else None,
        next_url=with_query(url, after=following) if following else None,
        curl=_first_dataset(caller),
    )


def _first_dataset(caller: Caller) -> str:
    base = f"{settings().public_url.rstrip('/')}/api/v1{project_url(caller)}"
    return dedent(
        f"""\
        curl -X POST {base}/datasets \\
          -H "Authorization: Bearer $CLEANTRACE_API_KEY" \\
          -H "Content-Type: application/json" \\
          -d '{{"name": "digits", "version": "1", "uri": "/data/digits.parquet",
               "format": "parquet", "task": "classification",
               "columns": {{"input": "image", "label": "label", "key": "id"}}}}'"""
    )


@router.get("/{dataset_id}")
def dataset_page(
    dataset_id: UUID, caller: PageViewer, db: ReadSession, after: str | None = None
) -> Response:
    dataset = service.get_dataset(db, caller, dataset_id)
    cursor = decode_cursor(after, parse_position)
    rejected, following = service.list_rejected_rows(
        db, caller, dataset_id, after=cursor[0] if cursor else None, limit=_IN_A_PAGE
    )
    run = newest_run_on(db, caller, dataset_id)
    view = views.dataset_view(caller, dataset, rejected, after=after, following=following)
    return page(
        "datasets/dataset.html",
        title=view.title,
        caller=caller,
        section="datasets",
        crumbs=(Place("datasets", f"{project_url(caller)}/datasets"), Place(view.title)),
        refresh_s=_REFRESH_S if view.is_unfinished else None,
        view=view,
        new_scan_url=with_query(f"{project_url(caller)}/scans/new", run=run.id)
        if run is not None and caller.role.includes(Role.engineer)
        else None,
    )


@router.post("/{dataset_id}/retry")
def retry_dataset(dataset_id: UUID, caller: FormEngineer, db: WriteSession) -> Response:
    dataset = service.retry_dataset(db, caller, dataset_id)
    return RedirectResponse(views.dataset_url(caller, dataset), 303)


@router.get("/{dataset_id}/examples/{position}/image")
def example_image(
    dataset_id: UUID, position: Position, caller: PageViewer, db: ReadSession
) -> Response:
    picture = content.example_image(service.get_ready_dataset(db, caller, dataset_id), position)
    # A registered version never changes; only this browser may keep it, as another may not see it.
    return Response(
        picture.data,
        media_type=picture.media_type,
        headers={"Cache-Control": "private, max-age=3600"},
    )
