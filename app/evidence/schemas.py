from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.jobs.models import JobStatus
from app.schemas import FailureOut, In, Out, Position


class EvidenceIn(In):
    """A set of training examples: who is for it, and who against."""

    positions: list[Position] = Field(min_length=1, max_length=10_000)
    label: str | None = Field(None, description="Look only among examples given this class.")
    k: int = Field(10, ge=1, le=1000, description="How many of each.")


class InfluenceOut(Out):
    """A training example and its influence on what was asked about."""

    position: int
    key: str
    given_label: str | None
    given_target: float | None
    predicted_label: str | None
    predicted_value: float | None
    suspicion: float | None
    influence: float = Field(
        description="Sum over checkpoints of eta times the product of both gradients, from "
        "sketches of them. Of a set: the mean over its members."
    )


class EvidenceOut(Out):
    """Which training examples speak for a label, and which against.

    To train on a proponent makes the loss of what was asked about smaller, on an opponent larger.
    The opponents of a wrong label are, most of them, examples of the right one.
    """

    proponents: list[InfluenceOut] = Field(description="The largest influence first.")
    opponents: list[InfluenceOut] = Field(description="The most negative first.")
    dimension: int = Field(description="Of the sketches: more make the values more exact.")


class NewInput(In):
    """An input that is not in the dataset, with the label that is asked about."""

    row: dict[str, float] | list[float] | None = Field(
        None, description="Of a table: numbers by column, or in the dataset's order."
    )
    text: Annotated[str, StringConstraints(max_length=1_000_000)] | None = None
    image: str | None = Field(None, description="The bytes of an image file in base64.")
    label: str | None = Field(None, description="A class of the dataset.")
    target: float | None = Field(None, allow_inf_nan=False, description="In a regression.")


class NewInputsIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"inputs": [{"text": "A dull film.", "label": "positive"}], "k": 5}]
        }
    )

    inputs: list[NewInput] = Field(min_length=1, max_length=64)
    label: str | None = Field(None, description="Look only among examples given this class.")
    k: int = Field(10, ge=1, le=1000, description="How many of each.")


class NewInputsResult(Out):
    inputs: list[EvidenceOut] = Field(description="In the order in which they were given.")


class EvidenceRequestOut(Out):
    id: UUID
    scan_id: UUID
    status: JobStatus
    failure: FailureOut | None
    result: NewInputsResult | None
    created_at: datetime
