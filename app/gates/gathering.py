"""What a policy's rules need to know, asked of the other rooms: facts for an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.datasets.content import example_contents
from app.datasets.models import Dataset, DatasetStatus, Modality, Task
from app.datasets.service import label_name
from app.estimates.service import estimate_briefly
from app.estimates.slices import Slice, SliceEmpty
from app.gates import queries, words
from app.gates.carried import decided_elsewhere
from app.gates.changes import Changes
from app.gates.facts import (
    AgreementFacts,
    ClassFlags,
    DatasetFacts,
    ExampleFacts,
    Facts,
    FlagAnswer,
    RecallFacts,
    ScanFacts,
    SliceFacts,
    WrongLabelFacts,
)
from app.gates.policy import (
    Agreement,
    EstimatedShare,
    FoundWrong,
    Policy,
    Reviewed,
    WrongLabels,
)
from app.gates.questions import FlagQuestion
from app.reviews.figures import dataset_agreement
from app.scans.errors import ClassUnknown
from app.scans.models import Scan

MOST_WORST = 25
"""Examples kept for each question."""
MOST_KEYS = 100_000
"""As many as a queue is made of by their keys."""
_SNIPPET = 200
_CELLS = 6
_USUAL_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Subject:
    """What is evaluated, or what it is compared with."""

    dataset: Dataset
    scan: Scan | None
    """A complete one."""
    no_scan_because: str | None = None


def gather(
    db: Session, caller: Caller, policy: Policy, subject: Subject, baseline: Subject | None
) -> Facts:
    """The facts of a subject, as far as the policy's rules ask for them."""
    asks = any(isinstance(rule, Reviewed) or rule.question() for rule in policy.rules)
    elsewhere = decided_elsewhere(db, subject.dataset) if asks else []
    facts = _plain_facts(db, caller, policy, subject, elsewhere)
    changes = _changes(subject, baseline)
    updates: dict[str, Any] = {}
    if changes is not None:
        updates["changed_examples"] = len(changes.changed)
    if subject.scan is not None:
        asker = _Asker(db, subject, subject.scan, baseline, changes, elsewhere)
        questions = dict.fromkeys(rule.question() for rule in policy.rules)
        updates["flags"] = tuple(asker.answer(each) for each in questions if each is not None)
        updates["examples"] = tuple(_examples(subject.dataset, asker.seen))
    return facts.model_copy(update=updates)


def gather_baseline(db: Session, caller: Caller, policy: Policy, baseline: Subject) -> Facts:
    """The same of a baseline, which is compared with nothing: what ratchets look at."""
    ratchets = [rule for rule in policy.rules if getattr(rule, "ratchet", False)]
    asked = policy.model_copy(update={"rules": ratchets})
    facts = gather(db, caller, asked, baseline, None)
    return facts.model_copy(update={"examples": ()})


def keys_of(
    db: Session, questions: Iterable[FlagQuestion], subject: Subject, baseline: Subject | None
) -> list[str]:
    """Of the flagged examples that any of the questions is about, as they are now."""
    if subject.scan is None:
        return []
    elsewhere = decided_elsewhere(db, subject.dataset)
    asker = _Asker(db, subject, subject.scan, baseline, _changes(subject, baseline), elsewhere)
    keys = dict.fromkeys(key for question in questions for key in asker.keys(question))
    return list(keys)[:MOST_KEYS]


def _plain_facts(
    db: Session, caller: Caller, policy: Policy, subject: Subject, elsewhere: list[int]
) -> Facts:
    dataset, scan = subject.dataset, subject.scan
    rules = policy.rules
    asks_agreement = any(isinstance(rule, Agreement) for rule in rules)
    asks_reviewed = any(isinstance(rule, Reviewed) and rule.of == "examples" for rule in rules)
    asks_wrong = any(isinstance(rule, FoundWrong) for rule in rules)
    return Facts(
        dataset=DatasetFacts(
            id=dataset.id,
            name=dataset.name,
            version=dataset.version,
            examples=dataset.example_count or 0,
            fingerprint=dataset.fingerprint,
            class_counts=dataset.class_counts,
        ),
        scan=None if scan is None else _scan_facts(scan),
        no_scan_because=subject.no_scan_because,
        reviewed_examples=queries.reviewed_count(db, dataset.id, elsewhere) if asks_reviewed else 0,
        found_wrong=queries.found_wrong_count(db, dataset.id) if asks_wrong else 0,
        slices=_slices(db, policy, dataset, elsewhere),
        wrong_labels=_wrong_labels(db, caller, policy, dataset),
        agreement=_agreement(db, dataset) if asks_agreement else None,
        recall=None if scan is None else _recall(scan),
    )


def _scan_facts(scan: Scan) -> ScanFacts:
    assert scan.finished_at is not None, "only complete scans come here"
    return ScanFacts(id=scan.id, finished_at=scan.finished_at)


def _wrong_labels(
    db: Session, caller: Caller, policy: Policy, dataset: Dataset
) -> tuple[WrongLabelFacts, ...]:
    if dataset.status != DatasetStatus.ready:
        return ()
    targets: dict[tuple[float, str | None, str | None], float] = {}
    for rule in policy.rules:
        if isinstance(rule, WrongLabels):
            targets[rule.confidence, rule.label, rule.key] = rule.at_most or 0.0
    known = {asked[1:] for asked in targets}
    for rule in policy.rules:
        if isinstance(rule, EstimatedShare) and (rule.label, rule.key) not in known:
            targets[_USUAL_CONFIDENCE, rule.label, rule.key] = 0.0
    return tuple(
        _wrong_labels_in(db, caller, dataset, *asked, target=min(target, 0.999))
        for asked, target in targets.items()
    )


def _wrong_labels_in(
    db: Session,
    caller: Caller,
    dataset: Dataset,
    confidence: float,
    label: str | None,
    key: str | None,
    *,
    target: float,
) -> WrongLabelFacts:
    about = WrongLabelFacts(confidence=confidence, label=label, key=key)
    part = Slice(() if label is None else (label,), key)
    try:
        told = estimate_briefly(
            db, caller, dataset.id, alpha=1 - confidence, target=target, part=part
        )
    except (ClassUnknown, SliceEmpty) as error:
        return about.model_copy(update={"missing": _missing_slice(dataset, label) or error.detail})
    before, after = told.wrong.before.share, told.wrong.after.share
    return about.model_copy(
        update={
            "audited": told.audits.answered,
            "more_verdicts": told.forecast.audits or None,
            "lower_before": before.lowest,
            "estimate_before": before.estimate,
            "upper_before": before.highest,
            "lower_after": after.lowest,
            "estimate_after": after.estimate,
            "upper_after": after.highest,
        }
    )


def _missing_slice(dataset: Dataset, label: str | None) -> str | None:
    if label is not None and label not in (dataset.classes or []):
        return f"The dataset has no class {words.quoted(label)}."
    return None


def _slices(
    db: Session, policy: Policy, dataset: Dataset, elsewhere: list[int]
) -> tuple[SliceFacts, ...]:
    """Of rules about what people decided in a slice."""
    asked = dict.fromkeys(
        (rule.label, rule.key)
        for rule in policy.rules
        if isinstance(rule, FoundWrong) or (isinstance(rule, Reviewed) and rule.of == "examples")
    )
    asked.pop((None, None), None)
    return tuple(_slice(db, dataset, elsewhere, label, key) for label, key in asked)


def _slice(
    db: Session, dataset: Dataset, elsewhere: list[int], label: str | None, key: str | None
) -> SliceFacts:
    if missing := _missing_slice(dataset, label):
        return SliceFacts(label=label, key=key, missing=missing)
    index = None if label is None else (dataset.classes or []).index(label)
    row = queries.slice_counts(db, dataset.id, elsewhere, label=index, key=key)
    return SliceFacts(
        label=label,
        key=key,
        examples=row.examples,
        reviewed=row.reviewed,
        found_wrong=row.found_wrong,
    )


def _agreement(db: Session, dataset: Dataset) -> AgreementFacts:
    found = dataset_agreement(db, dataset)
    return AgreementFacts(items=found.items, agreed=found.agreed, alpha=found.alpha)


def _recall(scan: Scan) -> RecallFacts | None:
    found = (scan.summary or {}).get("canaries")
    if found is None:
        return None
    share = found["caught_share"]
    return RecallFacts(planted=found["planted"], lowest=share["lowest"], highest=share["highest"])


def _changes(subject: Subject, baseline: Subject | None) -> Changes | None:
    if baseline is None or subject.dataset.store is None or baseline.dataset.store is None:
        return None
    return Changes(subject.dataset, baseline.dataset)


class _Asker:
    """Answers questions about one scan's flags, and remembers the worst examples it has seen."""

    def __init__(
        self,
        db: Session,
        subject: Subject,
        scan: Scan,
        baseline: Subject | None,
        changes: Changes | None,
        elsewhere: list[int],
    ) -> None:
        self._db = db
        self._dataset = subject.dataset
        self._scan = scan
        self._baseline = baseline
        self._changes = changes
        self._elsewhere = elsewhere
        self.seen: dict[int, Row[Any]] = {}

    def answer(self, question: FlagQuestion) -> FlagAnswer:
        if missing := self._missing(question):
            return FlagAnswer(question=question, missing=missing)
        counting = self._counting(question)
        flags, examples = counting.flags(), counting.examples()
        worst = counting.worst(MOST_WORST)
        self.seen |= {row.position: row for row in worst}
        return FlagAnswer(
            question=question,
            flags=sum(row.flags for row in flags),
            reviewed=sum(row.reviewed for row in flags),
            examples=sum(row.examples for row in examples),
            classes=self._by_class(flags, examples) if question.per_class else (),
            worst=tuple(row.position for row in worst),
        )

    def keys(self, question: FlagQuestion) -> list[str]:
        return [] if self._missing(question) else self._counting(question).keys(MOST_KEYS)

    def _counting(self, question: FlagQuestion) -> queries.Counting:
        changed = self._changed if question.changed else None
        return queries.Counting(
            self._db,
            self._scan,
            question,
            label=None if question.label is None else self._classes.index(question.label),
            positions=self._new if question.new else changed,
            changed=changed,
            elsewhere=self._elsewhere,
        )

    @property
    def _classes(self) -> list[str]:
        return self._dataset.classes or []

    def _missing(self, question: FlagQuestion) -> str | None:
        if missing := _missing_slice(self._dataset, question.label):
            return missing
        if question.per_class and self._dataset.task == Task.regression:
            return "A regression has no classes."
        if question.needs_baseline and self._baseline is None:
            return "There is no baseline to compare with."
        if question.needs_baseline and self._changes is None:
            return "The baseline is not indexed."
        if question.new and self._baseline is not None and self._baseline.scan is None:
            reason = self._baseline.no_scan_because or "it has no complete scan."
            return f"The baseline has no flags to compare with: {reason}"
        return None

    @property
    def _changed(self) -> list[int]:
        assert self._changes is not None
        return self._changes.changed

    @property
    def _new(self) -> list[int]:
        assert self._changes is not None
        assert self._baseline is not None
        assert self._baseline.scan is not None
        return self._changes.not_among(
            queries.flagged_positions(self._db, self._scan.id),
            queries.flagged_positions(self._db, self._baseline.scan.id),
        )

    def _by_class(
        self, flags: Sequence[Row[Any]], examples: Sequence[Row[Any]]
    ) -> tuple[ClassFlags, ...]:
        flagged = {row.given_label: row.flags for row in flags}
        return tuple(
            ClassFlags(
                label=self._classes[row.given_label],
                examples=row.examples,
                flags=flagged.get(row.given_label, 0),
            )
            for row in examples
        )


def _examples(dataset: Dataset, rows: dict[int, Row[Any]]) -> Iterable[ExampleFacts]:
    positions = list(rows)
    for position, snippet in zip(positions, _snippets(dataset, positions), strict=True):
        row = rows[position]
        given = label_name(dataset, row.given_label)
        suggested = label_name(dataset, row.suggested_label)
        if suggested is None and row.suggested_value is not None:
            suggested = words.plain(row.suggested_value)
        yield ExampleFacts(
            position=position,
            key=row.key,
            given=words.plain(row.given_target) if given is None else given,
            suggested=suggested,
            suspicion=row.suspicion,
            rank=row.rank,
            reason=row.reason,
            snippet=snippet,
        )


def _snippets(dataset: Dataset, positions: Sequence[int]) -> list[str | None]:
    if dataset.store is None or dataset.modality == Modality.image:
        return [None] * len(positions)
    snippets: list[str | None] = []
    for content in example_contents(dataset, positions, longest_text=_SNIPPET):
        if content.row is None:
            snippets.append(content.text)
        else:
            cells = [f"{name} {words.plain(value)}" for name, value in content.row[:_CELLS]]
            more = ", …" if len(content.row) > _CELLS else ""
            snippets.append(", ".join(cells) + more)
    return snippets
