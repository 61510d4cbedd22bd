"""What an evaluation finds."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field

from app.gates.facts import ExampleFacts
from app.gates.policy import Level
from app.schemas import Out


class Finding(StrEnum):
    """What a rule finds by itself, whatever its level and whoever waives it."""

    holds = "holds"
    broken = "broken"
    unknown = "unknown"


class Status(StrEnum):
    """What a rule comes to. Of a gate: the same but `waived`."""

    passed = "pass"
    warn = "warn"
    fail = "fail"
    no_verdict = "no_verdict"
    waived = "waived"


class Verdict(StrEnum):
    passed = "pass"
    warn = "warn"
    fail = "fail"
    no_verdict = "no_verdict"


class WaiverOut(Out):
    owner: str
    reason: str
    until: date = Field(description="The last day on which it holds.")
    expired: bool


class RuleResult(Out):
    id: str
    rule: str = Field(description="Its kind.")
    level: Level
    status: Status
    finding: Finding = Field(description="Before level and waiver.")
    measured: str | None = Field(description="What was found, in words.")
    limit: str | None = Field(description="What was asked for, in words.")
    value: float | None = Field(None, description="The number behind `measured`.")
    baseline: float | None = Field(None, description="The same of the baseline, for a ratchet.")
    reason: str
    remedy: str | None = Field(description="What to do; null if it holds.")
    waiver: WaiverOut | None = None
    worst: list[int] = Field(
        default_factory=list, description="Positions of the most suspicious examples behind it."
    )


class WorstExample(ExampleFacts):
    rules: list[str] = Field(description="The rules that are not met because of it.")


class Result(Out):
    """The verdict on a dataset version."""

    verdict: Verdict
    rules: list[RuleResult]
    worst: list[WorstExample] = Field(description="The most suspicious first.")
