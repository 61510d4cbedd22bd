"""Many items decided at once, after a look at what that would do."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from app.reviews.item_schemas import Comment, Number
from app.reviews.queue_schemas import Key
from app.schemas import In, Name, Out


class SelectionIn(In):
    """Items of a queue that fit all that is named."""

    keys: list[Key] | None = Field(None, min_length=1, max_length=100_000)
    given: Name | None = Field(None, description="Only those given this class.")
    suggested: Name | None = Field(None, description="Only those with this suggestion.")

    @model_validator(mode="after")
    def _names_something(self) -> SelectionIn:
        if self.keys is None and self.given is None and self.suggested is None:
            raise ValueError("name keys, a given class or a suggested class")
        return self


class BulkVerdictIn(In):
    kind: Literal["right", "relabel", "accept", "unusable"] = Field(
        description="`accept`: each item gets the label that is suggested for it."
    )
    label: Name | None = Field(None, description="With `relabel`: a class of the dataset.")
    value: Number | None = Field(None, description="In a regression.")


class SampleIn(In):
    selection: SelectionIn
    k: int = Field(10, ge=1, le=50, description="How many items to decide by hand.")


class SampleOut(Out):
    id: UUID
    queue_id: UUID
    selection: dict[str, Any]
    positions: list[int] = Field(description="Drawn at random; claimed for the caller.")
    created_at: datetime


class BulkIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "selection": {"given": "cat", "suggested": "dog"},
                    "verdict": {"kind": "relabel", "label": "dog"},
                    "comment": "The second camera mixes them up.",
                }
            ]
        }
    )

    selection: SelectionIn
    verdict: BulkVerdictIn
    comment: Comment | None = None
    sample_id: UUID | None = Field(
        None, description="A sample of the selection that was decided by hand."
    )


class PairCount(Out):
    given_label: str | None
    suggested_label: str | None
    count: int


class BulkExample(Out):
    position: int
    key: str
    given_label: str | None
    given_target: float | None
    suggested_label: str | None
    suggested_value: float | None


class SampleCheck(Out):
    """How the verdict compares with what people decided about the sample."""

    size: int
    decided: int
    agreed: int = Field(description="Where all who decided say what the verdict says.")
    against: list[int] = Field(description="Positions where somebody says otherwise.")


class PreviewOut(Out):
    count: int = Field(description="Items that would be decided.")
    held: int = Field(description="Left out: somebody has them in hand.")
    settled: int = Field(description="Left out: done or disputed.")
    without_suggestion: int = Field(description="Left out with `accept`.")
    pairs: list[PairCount] = Field(description="What would be decided, the most frequent first.")
    examples: list[BulkExample] = Field(description="The first few, in the queue's order.")
    sample: SampleCheck | None


class BatchOut(Out):
    id: UUID
    queue_id: UUID
    selection: dict[str, Any]
    verdict: dict[str, Any]
    comment: str | None
    sample_id: UUID | None
    item_count: int
    created_at: datetime
    created_by: UUID
    undone_at: datetime | None
