from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.access.guards import Viewer
from app.compare import changes
from app.compare.change_schemas import ChangedExampleOut, ChangeKind, ChangesOut
from app.compare.compared_examples import list_compared_flags
from app.compare.errors import NoParent, NotComparable
from app.compare.pairs import open_pair
from app.compare.scan_comparison import describe_comparison
from app.compare.scan_schemas import ComparedExampleOut, Fate, ScanComparisonOut
from app.datasets.errors import DatasetNotFound, DatasetNotReady
from app.db import ReadSession
from app.errors import problems
from app.paging import PageAfter, PageLimit
from app.reviews.errors import UnderBlindReview
from app.scans.errors import ClassUnknown, ScanNotComplete, ScanNotFound
from app.schemas import Page, Text

router = APIRouter()

Since = Annotated[
    UUID | None,
    Query(description="The earlier version; the one that this is a correction of if left out."),
]
With = Annotated[UUID, Query(alias="with", description="The scan before.")]

_CHANGE_PROBLEMS = (DatasetNotFound, DatasetNotReady, NoParent, NotComparable, UnderBlindReview)
_SCAN_PROBLEMS = (ScanNotFound, ScanNotComplete, NotComparable, UnderBlindReview)


@router.get(
    "/datasets/{dataset_id}/changes",
    tags=["datasets"],
    response_model=ChangesOut,
    responses=problems(*_CHANGE_PROBLEMS),
)
def get_changes(
    dataset_id: UUID, caller: Viewer, db: ReadSession, since: Since = None
) -> ChangesOut:
    """What changed from an earlier version of the dataset to this one, in figures."""
    versions = changes.open_versions(db, caller, dataset_id, since)
    return changes.describe_changes(versions)


@router.get(
    "/datasets/{dataset_id}/changes/examples",
    tags=["datasets"],
    response_model=Page[ChangedExampleOut],
    responses=problems(*_CHANGE_PROBLEMS, ClassUnknown),
)
def list_changed_examples(
    dataset_id: UUID,
    caller: Viewer,
    db: ReadSession,
    since: Since = None,
    kind: ChangeKind | None = None,
    old: Annotated[Text | None, Query(description="Only those that had this class.")] = None,
    new: Annotated[Text | None, Query(description="Only those that have this class.")] = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[ChangedExampleOut]:
    """The examples that changed, in the dataset's order; those removed come last. With who decided
    it, when and why, where an export of review outcomes made the change."""
    versions = changes.open_versions(db, caller, dataset_id, since)
    items, following = changes.list_changed(
        db, versions, kind=kind, old=old, new=new, after=after, limit=limit
    )
    return Page(items=items, next=following)


@router.get(
    "/scans/{scan_id}/comparison",
    tags=["scans"],
    response_model=ScanComparisonOut,
    responses=problems(*_SCAN_PROBLEMS),
)
def compare_scans(
    scan_id: UUID,
    caller: Viewer,
    db: ReadSession,
    other: With,
    most: Annotated[
        int, Query(ge=0, le=200, description="How many of the most moved examples to tell.")
    ] = 20,
) -> ScanComparisonOut:
    """A scan beside an earlier one, of the same dataset or of another version of it."""
    pair = open_pair(db, caller, scan_id, other)
    return describe_comparison(db, pair, most=most)


@router.get(
    "/scans/{scan_id}/comparison/flags",
    tags=["scans"],
    response_model=Page[ComparedExampleOut],
    responses=problems(*_SCAN_PROBLEMS),
)
def list_flags_compared(
    scan_id: UUID,
    caller: Viewer,
    db: ReadSession,
    other: With,
    fate: Fate,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[ComparedExampleOut]:
    """Flags that are gone, kept or new, the most suspicious first: of those gone, as they were."""
    pair = open_pair(db, caller, scan_id, other)
    items, following = list_compared_flags(db, pair, fate, after=after, limit=limit)
    return Page(items=items, next=following)
