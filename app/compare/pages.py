"""The pages that put two versions of a dataset, or two scans, side by side."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.guards import PageViewer
from app.compare.change_schemas import ChangeKind
from app.compare.change_view import change_view
from app.compare.changes import open_versions
from app.compare.comparison_view import comparison_view, other_scans
from app.compare.pairs import open_pair
from app.compare.scan_schemas import Fate
from app.dashboard.frame import Place, page, project_url
from app.datasets.service import get_ready_dataset, list_datasets
from app.datasets.views import dataset_url
from app.db import ReadSession
from app.reviews.blindness import require_sight
from app.scans.results import open_results
from app.scans.views import dataset_title, scan_url
from app.schemas import Text

router = APIRouter(include_in_schema=False)

_MOST_VERSIONS = 200


@router.get("/datasets/{dataset_id}/changes")
def changes_page(
    dataset_id: UUID,
    caller: PageViewer,
    db: ReadSession,
    since: UUID | None = None,
    kind: ChangeKind | None = None,
    old: Text | None = None,
    new: Text | None = None,
    after: str | None = None,
) -> Response:
    """Without a version to compare with, and without a parent, it asks for one.

    Raises:
        DatasetNotFound, DatasetNotReady, NotComparable, ClassUnknown, UnderBlindReview.
    """
    dataset = get_ready_dataset(db, caller, dataset_id)
    require_sight(db, caller, dataset_id)
    earlier = since or dataset.parent_id
    others, _ = list_datasets(db, caller, name=dataset.name, limit=_MOST_VERSIONS)
    view = None
    if earlier is not None:
        versions = open_versions(db, caller, dataset_id, earlier)
        view = change_view(db, caller, versions, kind=kind, old=old, new=new, after=after)
    title = dataset_title(dataset)
    return page(
        "compare/changes.html",
        title=f"What changed in {title}",
        caller=caller,
        section="datasets",
        crumbs=(
            Place("datasets", f"{project_url(caller)}/datasets"),
            Place(title, dataset_url(caller, dataset)),
            Place("changes"),
        ),
        name=title,
        url=f"{dataset_url(caller, dataset)}/changes",
        versions=[
            (str(each.id), each.version, each.id == earlier)
            for each in others
            if each.id != dataset_id and each.store is not None
        ],
        view=view,
    )


@router.get("/scans/{scan_id}/comparison")
def comparison_page(
    scan_id: UUID,
    caller: PageViewer,
    db: ReadSession,
    other: Annotated[UUID | None, Query(alias="with")] = None,
    fate: Fate | None = None,
    after: str | None = None,
) -> Response:
    """With the scan named, or the last one before.

    Raises:
        ScanNotFound, ScanNotComplete, NotComparable, UnderBlindReview.
    """
    found = open_results(db, caller, scan_id)
    others = other_scans(db, found, other)
    view = None
    chosen = next((each.id for each in others if each.is_chosen), other)
    if chosen is not None:
        pair = open_pair(db, caller, scan_id, chosen)
        view = comparison_view(db, caller, pair, fate=fate, after=after)
    title = dataset_title(found.dataset)
    return page(
        "compare/comparison.html",
        title=f"Scans of {title} compared",
        caller=caller,
        section="scans",
        crumbs=(
            Place("scans", f"{project_url(caller)}/scans"),
            Place(title, scan_url(caller, found.scan)),
            Place("comparison"),
        ),
        name=title,
        url=f"{scan_url(caller, found.scan)}/comparison",
        others=others,
        view=view,
    )
