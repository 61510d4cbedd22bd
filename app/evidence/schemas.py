from __future__ import annotations

from pydantic import Field

from app.schemas import In, Out


class EvidenceIn(In):
    """A set of training examples: who is for it, and who against."""

    positions: list[int] = Field(min_length=1, max_length=10_000)
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
