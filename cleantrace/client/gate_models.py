"""What the client's methods on gates return."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from cleantrace.client.models import Record

GateVerdict = Literal["pass", "warn", "fail", "no_verdict"]


@dataclass(frozen=True)
class Gate(Record):
    """A stored version of a policy."""

    id: str
    name: str
    version: int
    policy: dict[str, Any]
    created_at: datetime
    created_by: str

    _readers: ClassVar = {"created_at": datetime.fromisoformat}


@dataclass(frozen=True)
class RuleResult(Record):
    """What became of a rule, and why."""

    id: str
    rule: str
    level: Literal["fail", "warn"]
    status: Literal["pass", "warn", "fail", "no_verdict", "waived"]
    finding: Literal["holds", "broken", "unknown"]
    measured: str | None
    limit: str | None
    value: float | None
    baseline: float | None
    reason: str
    remedy: str | None
    waiver: dict[str, Any] | None
    worst: list[int]


@dataclass(frozen=True)
class GateEvaluation(Record):
    """A verdict with its reasons. `answer` is all of it as the service told it, for reports."""

    id: str | None
    verdict: GateVerdict
    policy: dict[str, Any]
    dataset: dict[str, Any]
    scan: dict[str, Any] | None
    baseline: dict[str, Any] | None
    changed_examples: int | None
    at: datetime
    by: str
    rules: list[RuleResult]
    worst: list[dict[str, Any]]
    answer: dict[str, Any]

    _readers: ClassVar = {
        "at": datetime.fromisoformat,
        "rules": lambda found: [RuleResult.from_json(each) for each in found],
    }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return super().from_json({**values, "answer": dict(values)})

    def to_json(self) -> dict[str, Any]:
        return self.answer


@dataclass(frozen=True)
class GateEvaluationRow(Record):
    """A verdict in a list."""

    id: str
    gate: str
    gate_version: int | None
    dataset_id: str
    scan_id: str | None
    verdict: GateVerdict
    at: datetime
    by: str

    _readers: ClassVar = {"at": datetime.fromisoformat}


@dataclass(frozen=True)
class GateExplanation(Record):
    """A verdict with all that it depends on, and whether it is the same when given again."""

    evaluation: GateEvaluation
    inputs: dict[str, Any]
    repeats: bool

    _readers: ClassVar = {"evaluation": GateEvaluation.from_json}
