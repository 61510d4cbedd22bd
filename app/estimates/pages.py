"""The page of how many labels of a dataset are wrong."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.guards import PageViewer
from app.dashboard.frame import Place, page, project_url
from app.datasets.service import get_dataset
from app.db import ReadSession
from app.estimates.routes import Alpha, Joint, Labels, Target
from app.estimates.slices import Slice
from app.estimates.view import estimate_view
from app.schemas import Text

router = APIRouter(prefix="/datasets", include_in_schema=False)


@router.get("/{dataset_id}/estimate")
def estimate_page(
    dataset_id: UUID,
    caller: PageViewer,
    db: ReadSession,
    alpha: Alpha = 0.05,
    target: Target = 0.01,
    label: Labels = [],  # noqa: B006 - FastAPI copies it
    key: Annotated[Text, Query(max_length=1000)] = "",
    joint: Joint = False,
) -> Response:
    """Raises DatasetNotFound, DatasetNotReady, UnderBlindReview."""
    dataset = get_dataset(db, caller, dataset_id)
    # The form's fields are there when they are empty, too.
    part = Slice(tuple(dict.fromkeys(filter(None, label))), key or None)
    view = estimate_view(db, caller, dataset, alpha=alpha, target=target, part=part, joint=joint)
    return page(
        "estimates/estimate.html",
        title=f"Wrong labels in {view.title}",
        caller=caller,
        section="datasets",
        crumbs=(
            Place("datasets", f"{project_url(caller)}/datasets"),
            Place(view.title, view.dataset_url),
            Place("wrong labels"),
        ),
        view=view,
    )
