"""What is known of a dataset version and its scan: all that an evaluation looks at. JSON values."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.gates.policy import Policy
from app.gates.questions import FlagQuestion


class Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class DatasetFacts(Fact):
    id: UUID
    name: str
    version: str
    examples: int
    fingerprint: str | None = None
    class_counts: dict[str, int] | None = None
    """None in a regression."""


class ScanFacts(Fact):
    id: UUID
    finished_at: datetime


class ClassFlags(Fact):
    label: str
    examples: int
    flags: int


class FlagAnswer(Fact):
    """Counts of the flags that a question is about; `missing` says why there are none."""

    question: FlagQuestion
    missing: str | None = None
    flags: int = 0
    reviewed: int = 0
    """Of them."""
    examples: int = 0
    """Of the class, the slice and the change that are asked for, flagged or not."""
    classes: tuple[ClassFlags, ...] = ()
    worst: tuple[int, ...] = ()
    """Positions, the most suspicious first; the first few."""


class WrongLabelFacts(Fact):
    """What audits say of the share of wrong labels, at a confidence."""

    confidence: float
    label: str | None = None
    key: str | None = None
    """Of a slice alone: its class, the pattern of its keys."""
    missing: str | None = None
    """Why there is no such slice; all else is nothing then."""
    audited: int = 0
    """Audits whose outcomes are known."""
    more_verdicts: int | None = None
    """About so many more until the rule's limit may be reached."""
    lower_before: float = 0.0
    estimate_before: float = 0.0
    upper_before: float = 1.0
    lower_after: float = 0.0
    estimate_after: float = 0.0
    upper_after: float = 1.0


class SliceFacts(Fact):
    """What people decided of a class, or of the keys like a pattern."""

    label: str | None
    key: str | None
    missing: str | None = None
    examples: int = 0
    reviewed: int = 0
    found_wrong: int = 0


class AgreementFacts(Fact):
    """Of items that two or more people decided."""

    items: int
    agreed: int
    alpha: float | None


class RecallFacts(Fact):
    """What became of the errors that the scan planted in memory."""

    planted: int
    lowest: float
    highest: float
    """The share that would have been flagged lies between these."""


class ExampleFacts(Fact):
    """One of the worst flagged examples, as reports show it."""

    position: int
    key: str
    given: str
    suggested: str | None
    suspicion: float
    rank: int
    reason: str
    snippet: str | None = None
    """The beginning of its text or row; None for pictures."""


class Facts(Fact):
    """A dataset version and one complete scan of it."""

    dataset: DatasetFacts
    scan: ScanFacts | None = None
    no_scan_because: str | None = None
    flags: tuple[FlagAnswer, ...] = ()
    reviewed_examples: int = 0
    found_wrong: int = 0
    """Labels of this version that people found wrong, or whose examples they found not usable."""
    slices: tuple[SliceFacts, ...] = ()
    """The same two of slices that rules ask for."""
    changed_examples: int | None = None
    """Examples that are not as in the baseline; None without one."""
    wrong_labels: tuple[WrongLabelFacts, ...] = ()
    agreement: AgreementFacts | None = None
    recall: RecallFacts | None = None
    examples: tuple[ExampleFacts, ...] = ()

    def answer(self, question: FlagQuestion) -> FlagAnswer | None:
        return next((each for each in self.flags if each.question == question), None)


class Inputs(Fact):
    """All that an evaluation depends on, the time among it: the same inputs, the same result."""

    policy: Policy
    facts: Facts
    baseline: Facts | None = None
    at: datetime
    fingerprint: str | None = None
    """Of the data in the repository, as the caller found it."""
