"""The page of how many labels of a dataset are wrong."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from app.access.guards import PageViewer
from app.dashboard.frame import Place, page, project_url
from app.datasets.service import get_dataset
from app.db import ReadSession
from app.estimates.routes import Alpha, Target
from app.estimates.view import estimate_view

router = APIRouter(prefix="/datasets", include_in_schema=False)


@router.get("/{dataset_id}/estimate")
def estimate_page(
    dataset_id: UUID,
    caller: PageViewer,
    db: ReadSession,
    alpha: Alpha = 0.05,
    target: Target = 0.01,
) -> Response:
    """Raises DatasetNotFound, DatasetNotReady, UnderBlindReview."""
    dataset = get_dataset(db, caller, dataset_id)
    view = estimate_view(db, caller, dataset, alpha=alpha, target=target)
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
