from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Query

from app.access.guards import Viewer
from app.db import ReadSession
from app.errors import problems
from app.explore.points import points
from app.explore.schemas import MOST_POINTS, PointsOut
from app.paging import PageAfter, PageLimit
from app.reviews.errors import OtherDataset, QueueNotFound, UnderBlindReview
from app.scans.errors import ClassUnknown, RegionInvalid, ScanNotComplete, ScanNotFound
from app.scans.region_schemas import Axis, RegionIn, RegionOut, Scale
from app.scans.regions import region_page
from app.scans.results import open_results
from app.schemas import Name

router = APIRouter(prefix="/scans", tags=["scans"])

_PROBLEMS = (ScanNotFound, ScanNotComplete, ClassUnknown, RegionInvalid, UnderBlindReview)


@router.get(
    "/{scan_id}/points",
    response_model=PointsOut,
    responses=problems(*_PROBLEMS, QueueNotFound, OtherDataset),
)
def list_points(
    scan_id: UUID,
    caller: Viewer,
    db: ReadSession,
    x: Axis = Query(description="The score across."),
    y: Axis = Query(description="The score upwards."),
    x_scale: Scale = Scale.linear,
    y_scale: Scale = Scale.linear,
    given: Name | None = Query(None, description="Only examples given this class."),
    suggested: Name | None = Query(None, description="Only examples with this suggestion."),
    flagged: bool | None = None,
    queue_id: UUID | None = Query(
        None, description="Tell also what became of each example in this review queue."
    ),
    most: int = Query(
        20_000,
        ge=1,
        le=MOST_POINTS,
        description="Of more examples, a density and the most suspicious are given.",
    ),
) -> PointsOut:
    """The examples as points of a scatter of two scores."""
    region = RegionIn(
        x=x, y=y, x_scale=x_scale, y_scale=y_scale, given=given, suggested=suggested,
        flagged=flagged,
    )  # fmt: skip
    found = open_results(db, caller, scan_id)
    return points(db, caller, found, region, most=most, queue_id=queue_id)


@router.post("/{scan_id}/region", response_model=RegionOut, responses=problems(*_PROBLEMS))
def list_region(
    scan_id: UUID,
    body: RegionIn,
    caller: Viewer,
    db: ReadSession,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> RegionOut:
    """The examples in a region of such a scatter, the most suspicious first. Changes nothing."""
    found = open_results(db, caller, scan_id)
    return region_page(db, found, body, after=after, limit=limit)
