from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.scans.models import Precision, RankedScore, ScanStatus, Weighting
from app.schemas import FailureOut, In, Name, Out

MOST_CANARIES = 10_000


class TopK(In):
    """Flag the k most suspicious examples."""

    kind: Literal["top_k"]
    k: int = Field(ge=1, le=2**31)


class Share(In):
    """Flag this share of the examples, the most suspicious first."""

    kind: Literal["share"]
    share: float = Field(gt=0, le=1)


class Threshold(In):
    """Flag every example whose score is at least this suspicious."""

    kind: Literal["threshold"]
    score: float = Field(
        allow_inf_nan=False,
        description="In the unit of the ranked score; a margin flags at or below, others at or "
        "above.",
    )


Policy = Annotated[TopK | Share | Threshold, Field(discriminator="kind")]


class Evidence(In):
    """Sketches of gradients to keep, by which the examples behind a score are found."""

    dimension: int = Field(
        default=1024,
        ge=64,
        le=16_384,
        description="Numbers kept of each example, 4 bytes each. More makes influence more exact: "
        "the error is about 1 / sqrt(dimension) of the product of two gradients' lengths.",
    )
    layers: Literal["all", "last"] | Annotated[list[Name], Field(min_length=1)] = Field(
        default="all", description="Of those scored: `all`, `last`, or names and patterns."
    )


class ScanIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run_id": "0a0c2a8e-52b6-4a57-b68c-5a2bb6a3ad0e",
                    "layers": "all",
                    "checkpoints": "all",
                    "weighting": "eta",
                    "policy": {"kind": "share", "share": 0.1},
                }
            ]
        }
    )

    run_id: UUID
    layers: Literal["all", "last", "auto"] | Annotated[list[Name], Field(min_length=1)] = Field(
        "all",
        description="`all`; `last`; `auto`: those that rank a sample most like all do, for half "
        "the work; or names, patterns (`layer4.*`) and classes (`type:Linear`) of layers.",
    )
    checkpoints: Literal["all"] | Annotated[list[UUID], Field(min_length=1)] = Field(
        "all", description="`all` of the run's, or the ids of some."
    )
    weighting: Weighting = Field(
        Weighting.eta,
        description="`eta`: by learning rate, as in TracIn. `equal`: a schedule that ends near "
        "zero then does not silence the last checkpoints.",
    )
    score: RankedScore = Field(
        RankedScore.self_influence, description="The score that ranks the examples."
    )
    policy: Policy = Field(
        default_factory=lambda: Share(kind="share", share=0.1), description="What to flag."
    )
    evidence: Evidence | bool = Field(
        False,
        description="Keep sketches, so that the training examples for and against a label can be "
        "asked for; `true` for the usual size.",
    )
    fresh: bool = Field(
        False,
        description="Compute everything anew. Otherwise results that earlier scans of the project "
        "hold for the same example, weights, model and layers are taken from there.",
    )
    precision: Precision = Field(
        Precision.full,
        description="`full`: the model's own. `bf16` and `tf32` are quicker on a GPU that has "
        "them; the scan's coverage states the error they made, measured on a sample.",
    )
    canaries: int = Field(
        0,
        ge=0,
        le=MOST_CANARIES,
        description="So many examples, drawn at random, are scored once more with a wrong label, "
        "in memory alone: the share that the policy would flag is the detector's recall. The model "
        "was not trained on these labels, so it is an upper estimate.",
    )


class ProgressOut(Out):
    examples_done: int
    example_count: int
    shards_done: int
    shard_count: int
    examples_per_second: float | None = Field(
        description="Over the last minute; canaries are counted with them."
    )
    seconds_left: float | None = Field(description="Of examples and canaries.")
    seconds_elapsed: float | None


class ScanOut(Out):
    id: UUID
    run_id: UUID
    dataset_id: UUID
    layers: Literal["all", "last", "auto"] | list[str]
    checkpoint_ids: list[UUID]
    weighting: Weighting
    score: RankedScore
    policy: dict[str, Any]
    evidence: Evidence | None
    fresh: bool
    precision: Precision
    canaries: int
    status: ScanStatus
    failure: FailureOut | None
    progress: ProgressOut
    flagged_count: int | None
    summary: dict[str, Any] | None = Field(
        description="Distribution of the score, counts by class, class pairs, coverage, canaries."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Order(StrEnum):
    """How scores are ordered: the most suspicious first, or by position."""

    rank = "rank"
    position = "position"
    self_influence = "self_influence"
    self_influence_equal = "self_influence_equal"
    last_layer = "last_layer"
    loss = "loss"
    margin = "margin"
    el2n = "el2n"
    given_probability = "given_probability"


class ScoreOut(Out):
    """Everything known of one example in a scan. A score that is not finite is null."""

    position: int
    key: str
    given_label: str | None
    given_target: float | None
    finite: bool
    flagged: bool
    rank: int | None = Field(description="1 is the most suspicious.")
    suspicion: float | None = Field(
        description="Share of examples that the ranked score holds for less suspicious, 0 to 1."
    )
    self_influence: float | None = Field(description="Sum of eta times squared gradient norm.")
    self_influence_equal: float | None = Field(description="Mean squared gradient norm.")
    last_layer: float | None = Field(description="The last layer's part of self-influence.")
    loss: float | None = Field(description="Mean over checkpoints, as all that follow.")
    margin: float | None = Field(description="Given label's logit less the largest other.")
    el2n: float | None = Field(description="Length of the probability error.")
    predicted_label: str | None
    predicted_value: float | None
    probability: float | None = Field(description="Of the predicted label.")
    given_probability: float | None = Field(description="Of the given label.")
    terms: list[float | None] | None = Field(
        description="Squared gradient norm at each checkpoint, in the order of steps."
    )


class FlagOut(Out):
    position: int
    key: str
    rank: int
    suspicion: float
    given_label: str | None
    given_target: float | None
    suggested_label: str | None
    suggested_value: float | None
    reason: str
