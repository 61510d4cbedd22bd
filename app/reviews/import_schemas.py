"""Annotations that come from another tool, and what becomes of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.reviews.item_schemas import Comment, Number
from app.reviews.queue_schemas import Key
from app.schemas import In, Out, Text

MOST_ANNOTATIONS = 10_000

_Tool = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,29}$")]
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069"
_Annotator = Annotated[
    str,
    StringConstraints(max_length=200, pattern=rf"^[^{_UNSEEN}]*[^\s{_UNSEEN}][^{_UNSEEN}]*$"),
]


class AnnotationIn(In):
    """What an annotator said of an example."""

    key: Key = Field(description="The example's.")
    annotator: _Annotator = Field(description="The tool's name for whoever said it.")
    kind: Literal["right", "relabel", "unusable", "unsure"] = Field(
        description="`relabel` to the given label finds it right."
    )
    label: Annotated[Text, StringConstraints(min_length=1, max_length=2000)] | None = Field(
        None, description="With `relabel`: a class, or a number as text in a regression."
    )
    value: Number | None = Field(None, description="With `relabel` in a regression: the number.")
    comment: Comment | None = None
    seconds: float | None = Field(None, ge=0, le=86_400, allow_inf_nan=False)
    revision: Annotated[Text, StringConstraints(max_length=100)] | None = Field(
        None, description="Tells it from what the same annotator said before, such as its time."
    )


class ImportIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tool": "label-studio",
                    "annotations": [
                        {
                            "key": "img-0042",
                            "annotator": "ada@example.com",
                            "kind": "relabel",
                            "label": "dog",
                            "revision": "2026-05-01T09:30:00Z",
                        }
                    ],
                }
            ]
        }
    )

    tool: _Tool = Field(description="Where they were made. With it, annotators are told apart.")
    annotations: list[AnnotationIn] = Field(min_length=1, max_length=MOST_ANNOTATIONS)
    leave_out_invalid: bool = Field(
        False, description="Import the rest, where keys or labels are not known."
    )


class InvalidRow(Out):
    row: int = Field(description="Of `annotations`, from 0.")
    key: str
    field: str
    message: str


class AnnotatorCount(Out):
    name: str
    annotations: int
    is_new: bool = Field(description="Not known before, by this name and tool.")


class ImportReport(Out):
    """What becomes of each annotation; but for `annotations`, the counts add up to it."""

    annotations: int
    new: int = Field(description="Become verdicts.")
    changed: int = Field(description="Become verdicts, where their annotator said otherwise.")
    unchanged: int = Field(description="Their verdict stands, or they were imported before.")
    taken: int = Field(description="Left out: the item has all the verdicts that it asks for.")
    mixed_in: int = Field(
        description="Left out: audits and canaries are decided in their queue alone."
    )
    repeated: int = Field(
        description="Left out: a later one of the same annotator on the same example counts."
    )
    invalid: int = Field(description="The key or the label is not known.")
    invalid_rows: list[InvalidRow] = Field(description="The first 100.")
    verdicts: dict[str, int] = Field(description="Of the new and the changed, by kind.")
    done: int = Field(description="How many more items are done.")
    disputed: int = Field(description="How many more items are disputed.")
    annotators: list[AnnotatorCount]


class ImportOut(ImportReport):
    id: UUID | None = Field(description="Null where nothing was new: then there is no import.")
    queue_id: UUID
    tool: str
    created_at: datetime
    created_by: UUID
    undone_at: datetime | None
