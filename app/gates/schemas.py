"""Policies and evaluations, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.gates.facts import Inputs
from app.gates.policy import Policy, RuleId
from app.gates.results import Result, Verdict
from app.schemas import In, Out

_EXAMPLE: dict[str, Any] = {
    "name": "release",
    "rules": [
        {"rule": "wrong_labels", "at_most": 0.01},
        {"rule": "unreviewed_flags", "suspicion": 0.99, "at_most": 0},
        {"rule": "flags_per_class", "at_most_share": 0.2, "level": "warn"},
    ],
}

HexDigest = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$")]


class GateIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"policy": _EXAMPLE}]})

    policy: Policy


class GateOut(Out):
    """A stored version of a policy."""

    id: UUID
    name: str
    version: int = Field(description="From 1, for each name.")
    policy: dict[str, Any] = Field(description="As the published JSON Schema says.")
    created_at: datetime
    created_by: str


class CheckIn(In):
    """A policy, given or stored, and what it is held against."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"policy": _EXAMPLE, "dataset_id": "6f1c4f0e-6d3b-4c56-9d8e-3d6a6f6a0d55"}]
        }
    )

    policy: Policy | None = Field(None, description="One that is not stored.")
    gate: RuleId | None = Field(None, description="Name of a stored one.")
    gate_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="The latest if not given."
    )
    scan_id: UUID | None = Field(None, description="A scan of the dataset version.")
    dataset_id: UUID | None = Field(
        None, description="The dataset version: its latest complete scan counts."
    )
    baseline_scan_id: UUID | None = Field(None, description="What to compare with.")
    baseline_dataset_id: UUID | None = Field(
        None, description="The same: the latest complete scan of a dataset version."
    )
    fingerprint: HexDigest | None = Field(
        None, description="Of the data in the repository, for rules that ask for it."
    )
    dry_run: bool = Field(False, description="Store nothing.")


class PolicyRef(Out):
    name: str
    version: int | None = Field(description="Null: it came with the request.")


class DatasetRef(Out):
    id: UUID
    name: str
    version: str
    examples: int


class ScanRef(Out):
    id: UUID
    finished_at: datetime


class BaselineRef(Out):
    dataset_id: UUID
    name: str
    version: str
    scan_id: UUID | None


class EvaluationOut(Result):
    """A verdict with its reasons."""

    id: UUID | None = Field(description="Null for a dry run.")
    policy: PolicyRef
    dataset: DatasetRef
    scan: ScanRef | None
    baseline: BaselineRef | None
    changed_examples: int | None = Field(description="New, or other, than in the baseline.")
    at: datetime
    by: str


class EvaluationRow(Out):
    id: UUID
    gate: str
    gate_version: int | None
    dataset_id: UUID
    scan_id: UUID | None
    verdict: Verdict
    at: datetime
    by: str


class ExplanationOut(Out):
    """All that a verdict depends on."""

    evaluation: EvaluationOut
    inputs: Inputs
    repeats: bool = Field(
        description="Whether the same inputs give the same result today. False after a change of "
        "the rules' meaning in a later version of the service."
    )
