"""Queues: how they are made, and how they are described."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.reviews.models import OrderBy
from app.scans.region_schemas import RegionIn
from app.schemas import In, Name, Out

MAX_ITEMS = 2**31 - 1
Key = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
_Count = Annotated[int, Field(ge=1, le=MAX_ITEMS)]
_Ids = Annotated[list[UUID], Field(max_length=1000)]
_Share = Annotated[float, Field(ge=0, le=1)]


class Flagged(In):
    """What the scan's own policy flagged."""

    kind: Literal["flagged"]


class TopK(In):
    """The first k in the queue's order."""

    kind: Literal["top_k"]
    k: _Count


class Suspicion(In):
    """Every example that is at least this suspicious."""

    kind: Literal["suspicion"]
    at_least: _Share = Field(description="Share of examples held for less suspicious, 0 to 1.")


class OfClass(In):
    """Examples given a class, or given one class for which the scan suggests another."""

    kind: Literal["class"]
    given: Name
    suggested: Name | None = None
    k: _Count | None = Field(None, description="Only the first k of them.")


class EachClass(In):
    """The first k of every given class."""

    kind: Literal["each_class"]
    k: _Count


class Filter(In):
    """Whatever fits all that is named."""

    kind: Literal["filter"]
    given: list[Name] | None = Field(None, min_length=1, max_length=1000)
    suggested: list[Name] | None = Field(None, min_length=1, max_length=1000)
    flagged: bool | None = None
    suspicion_at_least: _Share | None = None
    suspicion_at_most: _Share | None = None
    k: _Count | None = Field(None, description="Only the first k of them.")


class Keys(In):
    """The examples with these keys."""

    kind: Literal["keys"]
    keys: list[Key] = Field(min_length=1, max_length=100_000)


class Region(RegionIn):
    """The examples in a region of a scatter of two scores."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "region", "x": "loss", "y": "margin", "y_to": 0}]}
    )

    kind: Literal["region"]
    k: _Count | None = Field(None, description="Only the first k of them.")


Policy = Annotated[
    Flagged | TopK | Suspicion | OfClass | EachClass | Filter | Keys | Region,
    Field(discriminator="kind"),
]


_AUDITS = Field(
    0,
    ge=0,
    le=MAX_ITEMS,
    description="How many examples to draw at random from those that nobody has reviewed, one by "
    "one among the rest, so that the queue proves how many labels are wrong. Makes it blind.",
)
_CANARIES = Field(
    0,
    ge=0,
    le=MAX_ITEMS,
    description="How many examples at most that are known to be right to show with a wrong label, "
    "to see whether reviewers notice. Their verdicts count for nothing else. Makes it blind.",
)


class QueueIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "cats that look like dogs",
                    "scan_id": "0a0c2a8e-52b6-4a57-b68c-5a2bb6a3ad0e",
                    "policy": {"kind": "class", "given": "cat", "suggested": "dog"},
                    "overlap": 2,
                }
            ]
        }
    )

    name: Name
    scan_id: UUID = Field(description="A complete scan: which examples, in which order.")
    policy: Policy = Field(
        default_factory=lambda: Flagged(kind="flagged"), description="Which examples."
    )
    order_by: OrderBy = Field(
        OrderBy.suspicion,
        description="The scan's score that orders the items; those without it come last.",
    )
    overlap: int = Field(1, ge=1, le=20, description="How many people decide each item.")
    claim_ttl_s: int = Field(
        600, ge=10, le=86_400, description="Seconds after which an item in hand goes to another."
    )
    show_suggestion: bool = Field(
        True, description="Whether reviewers see the label that the scan suggests."
    )
    tolerance: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Regression: numbers that differ by no more than this agree.",
    )
    audits: int = _AUDITS
    canaries: int = _CANARIES
    reviewers: _Ids = Field(
        default_factory=list,
        description="Principals who review it; with no group either: every reviewer.",
    )
    adjudicators: _Ids = Field(
        default_factory=list,
        description="Principals who settle disagreement, beside engineers and admins.",
    )
    reviewer_groups: _Ids = Field(
        default_factory=list, description="Groups whose people review it, whoever they are then."
    )
    adjudicator_groups: _Ids = Field(
        default_factory=list, description="Groups whose people settle disagreement."
    )


class AssignIn(In):
    """Who reviews and who adjudicates from now on; all four lists are replaced."""

    reviewers: _Ids = Field(default_factory=list)
    adjudicators: _Ids = Field(default_factory=list)
    reviewer_groups: _Ids = Field(default_factory=list)
    adjudicator_groups: _Ids = Field(default_factory=list)


class MixingIn(In):
    """What is mixed into a queue from now on, in all; what was drawn stays."""

    audits: int = _AUDITS
    canaries: int = _CANARIES


class ReprioritiseIn(In):
    scan_id: UUID = Field(description="A complete scan of the same dataset.")
    order_by: OrderBy | None = Field(None, description="Another score to order by.")


class QueueOut(Out):
    id: UUID
    name: str
    dataset_id: UUID
    scan_id: UUID = Field(description="The scan that it was made from.")
    policy: dict[str, Any] = Field(description="Of a list of keys, only how many they were.")
    order_scan_id: UUID = Field(description="The scan that orders it now.")
    order_by: OrderBy
    overlap: int
    claim_ttl_s: int
    show_suggestion: bool
    tolerance: float
    reviewers: list[UUID]
    adjudicators: list[UUID]
    reviewer_groups: list[UUID]
    adjudicator_groups: list[UUID]
    audits: int = Field(description="How many are to be drawn; it is blind if there are any.")
    canaries: int = Field(description="How many at most; it is blind if there are any.")
    item_count: int = Field(
        description="Items to decide: those of the policy, audits and canaries. While it is "
        "reviewed audits that fall on items of the policy are counted twice."
    )
    created_at: datetime
    created_by: UUID
    closed_at: datetime | None
    finished_at: datetime | None = Field(
        description="When every item was found to be done, some seconds after the last; null while "
        "any is not."
    )
    done: int = Field(description="Items that need no more verdicts.")
    disputed: int = Field(description="Items that wait for an adjudicator.")

    @property
    def is_assigned(self) -> bool:
        """Only some may review it."""
        return bool(self.reviewers or self.reviewer_groups)
