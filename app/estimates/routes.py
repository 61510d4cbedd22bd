from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from app.access.guards import Viewer
from app.datasets.errors import DatasetNotFound, DatasetNotReady
from app.datasets.key_patterns import KeyPattern
from app.db import ReadSession
from app.errors import problems
from app.estimates.schemas import LabelEstimateOut
from app.estimates.service import estimate_wrong_labels
from app.estimates.slices import Slice, SliceEmpty
from app.reviews.errors import UnderBlindReview
from app.scans.errors import ClassUnknown
from app.schemas import Text

router = APIRouter(prefix="/datasets", tags=["datasets"])

Alpha = Annotated[
    float, Query(ge=0.0001, le=0.5, description="Bounds hold with confidence 1 - alpha.")
]
Target = Annotated[
    float, Query(ge=0, lt=1, description="Share of wrong labels to forecast more audits for.")
]

Labels = Annotated[
    list[Annotated[Text, Field(max_length=1000)]],
    Query(max_length=1000, description="Only examples given this class, or one of several."),
]
Key = Annotated[KeyPattern | None, Query()]
Joint = Annotated[
    bool,
    Query(description="The bounds of all classes hold together: each with alpha / their number."),
]


@router.get(
    "/{dataset_id}/estimate",
    response_model=LabelEstimateOut,
    responses=problems(
        DatasetNotFound, DatasetNotReady, ClassUnknown, SliceEmpty, UnderBlindReview
    ),
)
def estimate_labels(
    dataset_id: UUID,
    caller: Viewer,
    db: ReadSession,
    alpha: Alpha = 0.05,
    target: Target = 0.01,
    label: Labels = [],  # noqa: B006 - FastAPI copies it
    key: Key = None,
    joint: Joint = False,
) -> LabelEstimateOut:
    """How many labels are wrong, before the review and after it, with bounds.

    They come from audits: examples drawn at random while the review goes on. With `label` or `key`
    it is about a slice, which must be chosen before looking.
    """
    part = Slice(tuple(dict.fromkeys(label)), key)
    return estimate_wrong_labels(
        db, caller, dataset_id, alpha=alpha, target=target, part=part, joint=joint
    )
