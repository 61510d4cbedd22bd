from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.artifacts import ArtifactNotFound
from app.datasets.errors import DatasetExists, DatasetNotFound, DatasetNotReady
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.exports import service
from app.exports.download import download
from app.exports.errors import (
    ExportFileNotFound,
    ExportNotDone,
    ExportNotFound,
    ImageBaseUnfit,
    NothingReviewed,
    NothingScanned,
)
from app.exports.schemas import Card, ExportIn, ExportOut
from app.paging import CursorInvalid, PageAfter, PageLimit, decode_time_cursor
from app.reviews.errors import OtherDataset, QueueNotFound, UnderBlindReview
from app.scans.errors import ScanNotComplete, ScanNotFound
from app.schemas import Page
from app.signing.errors import SigningUnavailable

router = APIRouter(prefix="/exports", tags=["exports"])

_MEDIA_TYPES = (
    "application/gzip",
    "application/json",
    "application/jsonl",
    "application/vnd.apache.parquet",
    "application/xml",
    "application/zip",
    "text/csv",
)
_BYTES: dict[str, Any] = {"content": {media_type: {} for media_type in _MEDIA_TYPES}}


@router.post(
    "",
    status_code=202,
    response_model=ExportOut,
    responses=problems(
        DatasetNotFound,
        DatasetNotReady,
        DatasetExists,
        QueueNotFound,
        OtherDataset,
        NothingReviewed,
        NothingScanned,
        ScanNotFound,
        ScanNotComplete,
        SigningUnavailable,
        ImageBaseUnfit,
    ),
)
def create_export(body: ExportIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> ExportOut:
    """Ask for an export. It is made in the background: poll it until `done`."""
    return once.run(
        db,
        caller,
        ExportOut,
        lambda: service.describe(service.create_export(db, caller, body)),
    )


@router.get("", response_model=Page[ExportOut], responses=problems(CursorInvalid))
def list_exports(
    caller: Viewer,
    db: ReadSession,
    dataset_id: UUID | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[ExportOut]:
    """The project's exports, or those of a dataset, newest first."""
    rows, following = service.list_exports(
        db, caller, dataset_id=dataset_id, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=[service.describe(row) for row in rows], next=following)


@router.get(
    "/{export_id}", response_model=ExportOut, responses=problems(ExportNotFound, UnderBlindReview)
)
def get_export(export_id: UUID, caller: Viewer, db: ReadSession) -> ExportOut:
    return service.describe(service.get_export(db, caller, export_id))


@router.get(
    "/{export_id}/card",
    response_model=Card,
    responses=problems(ExportNotFound, ExportNotDone, UnderBlindReview),
)
def get_card(export_id: UUID, caller: Viewer, db: ReadSession) -> Card:
    """Where the files come from and what was done to them, to keep beside them."""
    return service.card_of(service.get_export(db, caller, export_id))


@router.get(
    "/{export_id}/files/{number}",
    response_class=Response,
    responses=problems(
        ExportNotFound, ExportNotDone, ExportFileNotFound, ArtifactNotFound, UnderBlindReview
    )
    | {200: _BYTES, 206: _BYTES | {"description": "The part that `Range` asked for."}},
)
def get_file(export_id: UUID, number: int, caller: Engineer, db: ReadSession) -> FileResponse:
    """A file. `Range` goes on with one that broke off; `ETag` and `Repr-Digest` are its SHA-256."""
    return download(*service.open_file(db, caller, export_id, number))
