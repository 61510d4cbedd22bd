"""Inputs of evaluations, made up: what a test does not say is harmless."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.gates.evaluate import evaluate
from app.gates.facts import (
    AgreementFacts,
    ClassFlags,
    DatasetFacts,
    ExampleFacts,
    Facts,
    FlagAnswer,
    Inputs,
    RecallFacts,
    ScanFacts,
    SliceFacts,
    WrongLabelFacts,
)
from app.gates.policy import Policy
from app.gates.results import Result, RuleResult

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def policy(*rules: dict[str, Any], **more: Any) -> Policy:
    return Policy.model_validate({"name": "release", "rules": list(rules)} | more)


def dataset(**changes: Any) -> DatasetFacts:
    values = {
        "id": UUID(int=1),
        "name": "digits",
        "version": "2",
        "examples": 1000,
        "fingerprint": "ab" * 32,
        "class_counts": {"0": 500, "1": 500},
    }
    return DatasetFacts(**(values | changes))


def facts(**changes: Any) -> Facts:
    values = {
        "dataset": dataset(),
        "scan": ScanFacts(id=UUID(int=2), finished_at=datetime(2026, 11, 27, 12, tzinfo=UTC)),
    }
    return Facts(**(values | changes))


def counted(asked: Policy, flags: int = 0, **changes: Any) -> Facts:
    """Facts with this answer to the first rule's question."""
    question = asked.rules[0].question()
    assert question is not None
    values = {"question": question, "flags": flags, "examples": 1000}
    return facts(flags=(FlagAnswer(**(values | changes)),))


def per_class(asked: Policy, **flags: int) -> Facts:
    classes = tuple(
        ClassFlags(label=label, examples=100, flags=count) for label, count in flags.items()
    )
    return counted(asked, sum(flags.values()), classes=classes)


def audited(
    lower: float,
    estimate: float,
    upper: float,
    *,
    audits: int = 300,
    confidence: float = 0.95,
    **part: Any,
) -> Facts:
    """Before corrections twice as many are wrong.

    Args:
        part: label, key and missing, of a slice.
    """
    found = WrongLabelFacts(
        **part,
        confidence=confidence,
        audited=audits,
        more_verdicts=120,
        lower_before=2 * lower,
        estimate_before=2 * estimate,
        upper_before=2 * upper,
        lower_after=lower,
        estimate_after=estimate,
        upper_after=upper,
    )
    return facts(wrong_labels=(found,))


def decided(**counts: Any) -> Facts:
    """Of one slice alone."""
    return facts(slices=(SliceFacts(**({"label": None, "key": None} | counts)),))


def planted(lowest: float, highest: float) -> Facts:
    return facts(recall=RecallFacts(planted=200, lowest=lowest, highest=highest))


def agreed(items: int, share: float, alpha: float | None) -> Facts:
    found = AgreementFacts(items=items, agreed=round(items * share), alpha=alpha)
    return facts(agreement=found)


def example(position: int, **changes: Any) -> ExampleFacts:
    values = {
        "position": position,
        "key": f"point-{position}",
        "given": "0",
        "suggested": "1",
        "suspicion": 0.9,
        "rank": position + 1,
        "reason": "Harder to fit than 99 % of the 0s.",
    }
    return ExampleFacts(**(values | changes))


def result(asked: Policy, found: Facts, baseline: Facts | None = None, **more: Any) -> Result:
    values = {"policy": asked, "facts": found, "baseline": baseline, "at": AT}
    return evaluate(Inputs(**(values | more)))


def judged(asked: Policy, found: Facts, baseline: Facts | None = None, **more: Any) -> RuleResult:
    """The result of the first rule."""
    return result(asked, found, baseline, **more).rules[0]
