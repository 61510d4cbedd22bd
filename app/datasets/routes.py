from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.datasets import content, service
from app.datasets.content import NoPicture
from app.datasets.errors import (
    DatasetExists,
    DatasetNotFound,
    DatasetNotReady,
    ExampleNotFound,
    NothingToRetry,
)
from app.datasets.schemas import DatasetIn, DatasetOut, ExampleOut, RejectedRowOut
from app.datasets.thumbnails import LEAST, MOST, PictureUnreadable, thumbnail
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.locations import LocationNotAllowed, LocationNotFound
from app.paging import PageAfter, PageLimit, decode_cursor, decode_time_cursor, parse_position
from app.reviews.blindness import require_sight
from app.reviews.errors import UnderBlindReview
from app.schemas import Page, Position, Text
from app.uploads.errors import UploadNotFound, UploadUnfinished

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.post(
    "",
    status_code=201,
    response_model=DatasetOut,
    responses=problems(
        LocationNotAllowed, LocationNotFound, UploadNotFound, UploadUnfinished, DatasetExists
    ),
)
def register_dataset(
    body: DatasetIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> DatasetOut:
    """Register a dataset version. It is indexed in the background: poll it until `ready`."""
    return once.run(
        db,
        caller,
        DatasetOut,
        lambda: DatasetOut.model_validate(service.register_dataset(db, caller, body)),
    )


@router.get("", response_model=Page[DatasetOut])
def list_datasets(
    caller: Viewer,
    db: ReadSession,
    name: Text | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[DatasetOut]:
    """The project's datasets, newest first."""
    items, following = service.list_datasets(
        db, caller, name=name, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=[DatasetOut.model_validate(item) for item in items], next=following)


@router.get("/{dataset_id}", response_model=DatasetOut, responses=problems(DatasetNotFound))
def get_dataset(dataset_id: UUID, caller: Viewer, db: ReadSession) -> DatasetOut:
    return DatasetOut.model_validate(service.get_dataset(db, caller, dataset_id))


@router.post(
    "/{dataset_id}/retry",
    response_model=DatasetOut,
    responses=problems(DatasetNotFound, NothingToRetry),
)
def retry_dataset(
    dataset_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly
) -> DatasetOut:
    """Index a failed dataset again."""
    return once.run(
        db,
        caller,
        DatasetOut,
        lambda: DatasetOut.model_validate(service.retry_dataset(db, caller, dataset_id)),
    )


@router.get(
    "/{dataset_id}/rejected-rows",
    response_model=Page[RejectedRowOut],
    responses=problems(DatasetNotFound),
)
def list_rejected_rows(
    dataset_id: UUID,
    caller: Viewer,
    db: ReadSession,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[RejectedRowOut]:
    """Rows that could not be used, with their positions in the source (the first 1,000)."""
    cursor = decode_cursor(after, parse_position)
    items, following = service.list_rejected_rows(
        db, caller, dataset_id, after=cursor[0] if cursor else None, limit=limit
    )
    return Page(items=[RejectedRowOut.model_validate(item) for item in items], next=following)


@router.get(
    "/{dataset_id}/examples/{position}",
    response_model=ExampleOut,
    responses=problems(DatasetNotFound, DatasetNotReady, ExampleNotFound, UnderBlindReview),
)
def get_example(
    dataset_id: UUID, position: Position, caller: Viewer, db: ReadSession
) -> ExampleOut:
    dataset = service.get_ready_dataset(db, caller, dataset_id)
    require_sight(db, caller, dataset_id)
    return service.get_example(db, dataset, position)


@router.get(
    "/{dataset_id}/examples/{position}/image",
    response_class=Response,
    responses=problems(
        DatasetNotFound, DatasetNotReady, ExampleNotFound, NoPicture, PictureUnreadable
    )
    | {200: {"content": {"image/png": {}, "image/jpeg": {}}}},
)
def get_example_image(
    dataset_id: UUID,
    position: Position,
    caller: Viewer,
    db: ReadSession,
    longest: Annotated[
        int | None,
        Query(
            ge=LEAST,
            le=MOST,
            description="Pixels of the longer side at most. The picture is drawn anew then: "
            "nothing of the file comes through but its pixels.",
        ),
    ] = None,
) -> Response:
    """The example as a picture, for image datasets."""
    dataset = service.get_ready_dataset(db, caller, dataset_id)
    picture = (
        content.example_image(dataset, position)
        if longest is None
        else thumbnail(dataset, position, longest)
    )
    # The content of a registered version never changes, but who may see it can.
    return Response(
        picture.data,
        media_type=picture.media_type,
        headers={"Cache-Control": "private, max-age=3600"},
    )
