from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.access.guards import Viewer
from app.datasets.errors import DatasetNotFound, DatasetNotReady
from app.db import ReadSession
from app.errors import problems
from app.estimates.schemas import LabelEstimateOut
from app.estimates.service import estimate_wrong_labels
from app.reviews.errors import UnderBlindReview

router = APIRouter(prefix="/datasets", tags=["datasets"])

Alpha = Annotated[
    float, Query(ge=0.0001, le=0.5, description="Bounds hold with confidence 1 - alpha.")
]
Target = Annotated[
    float, Query(ge=0, lt=1, description="Share of wrong labels to forecast more audits for.")
]


@router.get(
    "/{dataset_id}/estimate",
    response_model=LabelEstimateOut,
    responses=problems(DatasetNotFound, DatasetNotReady, UnderBlindReview),
)
def estimate_labels(
    dataset_id: UUID, caller: Viewer, db: ReadSession, alpha: Alpha = 0.05, target: Target = 0.01
) -> LabelEstimateOut:
    """How many labels are wrong, before the review and after it, with bounds.

    They come from audits: examples drawn at random while the review goes on.
    """
    return estimate_wrong_labels(db, caller, dataset_id, alpha=alpha, target=target)
