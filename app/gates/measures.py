"""What each kind of rule measures: facts in, numbers out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

from app.estimates.words import at_least
from app.gates import words
from app.gates.facts import FlagAnswer, Inputs, SliceFacts, WrongLabelFacts
from app.gates.policy import (
    Agreement,
    ClassDrift,
    DetectorRecall,
    EstimatedShare,
    Fingerprint,
    Flags,
    FlagsPerClass,
    FoundWrong,
    NewFlags,
    Reviewed,
    Rule,
    ScanAge,
    UnreviewedFlags,
    WrongLabels,
)

SCAN_IT = "Scan the dataset, and check again once the scan is complete."
NAME_BASELINE = "Name the version to compare with: --baseline NAME:VERSION."
_AUDIT = "Make a review queue with audits for this dataset, and decide them."
_CORRECT = "Correct the rule, or the data that it is about."
_PLANT = "Scan the dataset with more canaries; all else is taken from the scan that there is."
_REVIEW_FLAGS = "Review these flags, and register the corrected labels as a new version."


class NoData(Exception):
    """There is nothing to measure. Never taken for good news."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class Measured:
    """A number that a rule's limit is held against.

    Attributes:
        at_best: where the number is a bound, the other one: while a limit is between the two,
            nobody can tell.
        at_best_in_words: the same.
        undecided_remedy: what narrows them.
        stale: a number beyond the limit says that the scores are too old to judge by.
        label: the class that it is about, where there is a number for each.
    """

    value: float
    what: str
    """`{}` stands for the number in words."""
    in_words: Callable[[float, int], str]
    """With so many digits."""
    remedy: str
    label: str | None = None
    at_best: float | None = None
    at_best_in_words: str = ""
    undecided_remedy: str = ""
    stale: bool = False
    worst: tuple[int, ...] = ()

    def told(self, digits: int = words.USUAL) -> str:
        # Not format(): what follows may be a user's text, with braces of its own.
        return self.what.replace("{}", self.in_words(self.value, digits), 1)


@singledispatch
def measure(rule: Rule, inputs: Inputs) -> list[Measured]:
    """Whatever the rule is about, one number for each class or a single one.

    Raises:
        NoData: facts are missing.
    """
    raise NotImplementedError(rule.rule)


@measure.register
def _(rule: WrongLabels, inputs: Inputs) -> list[Measured]:
    found = _wrong_labels(rule, inputs, rule.confidence)
    after = rule.of == "after"
    more, fell = found.more_verdicts, " on audits that fall there" if _is_slice(rule) else ""
    at_best = found.lower_after if after else found.lower_before
    about = f"About {more:,} more verdicts{fell} may settle it. " if more else ""
    return [
        Measured(
            found.upper_after if after else found.upper_before,
            f"at most {{}} of the labels{words.where(rule.label, rule.key)} are wrong "
            f"{_when(rule.of)}, with "
            f"{words.percent(rule.confidence)} confidence, from {found.audited:,} audits",
            words.bound,
            "Review more, and register the corrected labels as a new version.",
            at_best=at_best,
            at_best_in_words=at_least(at_best),
            undecided_remedy=f"The audit is too small to tell. {about}Decide more audits.",
        )
    ]


@measure.register
def _(rule: EstimatedShare, inputs: Inputs) -> list[Measured]:
    found = _wrong_labels(rule, inputs, None)
    return [
        Measured(
            found.estimate_after if rule.of == "after" else found.estimate_before,
            f"most likely {{}} of the labels{words.where(rule.label, rule.key)} are wrong "
            f"{_when(rule.of)}, from {found.audited:,} audits",
            words.percent,
            "Review more, and register the corrected labels as a new version.",
        )
    ]


def _when(of: str) -> str:
    return "after corrections" if of == "after" else "before corrections"


def _wrong_labels(
    rule: WrongLabels | EstimatedShare, inputs: Inputs, confidence: float | None
) -> WrongLabelFacts:
    for each in inputs.facts.wrong_labels:
        if (each.label, each.key) == (rule.label, rule.key):
            if each.missing is not None:
                raise NoData(each.missing, _CORRECT)
            if each.audited and confidence in (None, each.confidence):
                return each
    if _is_slice(rule):
        raise NoData(f"No audit fell on the examples{words.where(rule.label, rule.key)}.", _AUDIT)
    raise NoData("Nothing was audited in this dataset.", _AUDIT)


def _is_slice(rule: WrongLabels | EstimatedShare | FoundWrong | Reviewed) -> bool:
    return rule.label is not None or rule.key is not None


def _slice(rule: FoundWrong | Reviewed, inputs: Inputs) -> SliceFacts:
    """What people decided of the rule's examples. Raises NoData: there are none of them."""
    facts = inputs.facts
    if not _is_slice(rule):
        return SliceFacts(
            label=None,
            key=None,
            examples=facts.dataset.examples,
            reviewed=facts.reviewed_examples,
            found_wrong=facts.found_wrong,
        )
    found = next(
        (each for each in facts.slices if (each.label, each.key) == (rule.label, rule.key)), None
    )
    if found is None or found.missing is not None:
        raise NoData((found and found.missing) or "It was not counted.", _CORRECT)
    if not found.examples:
        raise NoData("There are no such examples.", _CORRECT)
    return found


@measure.register
def _(rule: NewFlags, inputs: Inputs) -> list[Measured]:
    found = _flags(rule, inputs)
    where = words.where(rule.label, rule.key, rule.suspicion)
    return [_counted(found, f"{{}} flags{where} that the baseline has not")]


@measure.register
def _(rule: UnreviewedFlags, inputs: Inputs) -> list[Measured]:
    found = _flags(rule, inputs)
    where = words.where(rule.label, rule.key, rule.suspicion, changed=rule.only_changed)
    return [_counted(found, f"{{}} flags{where} that nobody has reviewed")]


@measure.register
def _(rule: FoundWrong, inputs: Inputs) -> list[Measured]:
    # Of a version that nobody reviewed nothing is known to be wrong; other rules ask for reviews.
    if inputs.facts.scan is None:
        raise _no_scan(inputs)
    return [
        Measured(
            _slice(rule, inputs).found_wrong,
            f"{{}} labels{words.where(rule.label, rule.key)} that people found wrong are still "
            "in the data",
            words.count,
            "Export the corrections, and register the corrected data as a new version.",
        )
    ]


@measure.register
def _(rule: Flags, inputs: Inputs) -> list[Measured]:
    found = _flags(rule, inputs)
    where = words.where(rule.label, rule.key, rule.suspicion, changed=rule.only_changed)
    if rule.at_most is not None:
        return [_counted(found, f"{{}} flags{where}")]
    return [
        Measured(
            _share(found.flags, found.examples, "There are no such examples."),
            f"{{}} of {found.examples:,} examples{where} are flagged",
            words.percent,
            _REVIEW_FLAGS,
            worst=found.worst,
        )
    ]


@measure.register
def _(rule: FlagsPerClass, inputs: Inputs) -> list[Measured]:
    found = _flags(rule, inputs)
    if not found.classes:
        raise NoData("The dataset has no classes.", "Use a rule about all flags instead.")
    by_count = rule.at_most is not None
    where = words.where(None, rule.key, rule.suspicion, changed=rule.only_changed)
    return [
        Measured(
            each.flags if by_count else each.flags / max(each.examples, 1),
            f"{{}}{' flags' if by_count else f' of {each.examples:,} examples flagged'} "
            f"in class {words.quoted(each.label)}{where}",
            words.count if by_count else words.percent,
            _REVIEW_FLAGS,
            label=each.label,
            worst=found.worst,
        )
        for each in found.classes
    ]


@measure.register
def _(rule: Reviewed, inputs: Inputs) -> list[Measured]:
    if rule.of == "examples":
        part = _slice(rule, inputs)
        return [
            Measured(
                _share(part.reviewed, part.examples, "It has no examples."),
                f"{{}} of {part.examples:,} examples{words.where(rule.label, rule.key)} are "
                "reviewed",
                words.percent,
                "Review more examples of this dataset.",
            )
        ]
    found = _flags(rule, inputs)
    where = words.where(rule.label, rule.key, rule.suspicion, changed=rule.only_changed)
    return [
        Measured(
            # Nothing to review is as good as all of it.
            found.reviewed / found.flags if found.flags else 1.0,
            f"{{}} of {found.flags:,} flags{where} are reviewed",
            words.percent,
            "Review more of these flags.",
            worst=found.worst,
        )
    ]


@measure.register
def _(rule: Agreement, inputs: Inputs) -> list[Measured]:
    found = inputs.facts.agreement
    more = "Make a review queue with an overlap of two or more, and decide its items."
    if found is None or not found.items:
        raise NoData("No item was decided by two people.", more)
    if found.items < rule.min_items:
        raise NoData(
            f"Two people decided only {found.items:,} items; {rule.min_items:,} are asked for.",
            more,
        )
    by_share = rule.measure == "share"
    value = found.agreed / found.items if by_share else found.alpha
    if value is None:
        raise NoData(
            "Krippendorff's alpha is not defined: all answers are alike.",
            "Use measure: share, or decide items of other classes.",
        )
    return [
        Measured(
            value,
            f"people agree on {{}} of {found.items:,} items"
            if by_share
            else f"Krippendorff's alpha is {{}} over {found.items:,} items",
            words.percent if by_share else words.plain,
            "Look at what people disagree about, and make the instructions clearer.",
        )
    ]


@measure.register
def _(_rule: DetectorRecall, inputs: Inputs) -> list[Measured]:
    if inputs.facts.scan is None:
        raise _no_scan(inputs)
    found = inputs.facts.recall
    if found is None:
        raise NoData("The scan planted no errors.", _PLANT)
    return [
        Measured(
            found.lowest,
            f"at least {{}} of {found.planted:,} errors planted in memory would have been flagged, "
            f"with {words.percent(0.95)} confidence",
            words.lower_bound,
            "Flag more, or score with more checkpoints and layers.",
            at_best=found.highest,
            at_best_in_words=words.bound(found.highest),
            undecided_remedy=f"Too few were planted to tell. {_PLANT}",
        )
    ]


@measure.register
def _(_rule: ScanAge, inputs: Inputs) -> list[Measured]:
    scan = inputs.facts.scan
    if scan is None:
        raise _no_scan(inputs)
    age = inputs.at - scan.finished_at
    return [
        Measured(
            age.total_seconds() / 86_400,
            "the scan is {} old",
            words.days,
            "The scores are stale. Scan the dataset again.",
            stale=True,
        )
    ]


@measure.register
def _(_rule: Fingerprint, inputs: Inputs) -> list[Measured]:
    registered = inputs.facts.dataset.fingerprint
    if inputs.fingerprint is None:
        raise NoData("The data in the repository were not looked at.", "Name them: --data PATH.")
    if registered is None:
        raise NoData("The dataset has no fingerprint yet.", "Wait until it is indexed.")
    same = inputs.fingerprint.lower() == registered.lower()
    prints = f"({inputs.fingerprint[:12]}…) are not those registered ({registered[:12]}…)"
    return [
        Measured(
            0.0 if same else 1.0,
            "the data in the repository " + ("are those that are registered" if same else prints),
            lambda value, _: "other data" if value else "the same data",
            "Register the data as they are now as a new version, scan it, and check that.",
        )
    ]


@measure.register
def _(_rule: ClassDrift, inputs: Inputs) -> list[Measured]:
    if inputs.baseline is None:
        raise NoData("There is no baseline to compare with.", NAME_BASELINE)
    now, then = inputs.facts.dataset.class_counts, inputs.baseline.dataset.class_counts
    if not now or not then or not sum(now.values()) or not sum(then.values()):
        raise NoData(
            "The dataset, or the baseline, has no classes.", "Use this rule for classification."
        )
    total_now, total_then = sum(now.values()), sum(then.values())
    shares = {
        name: (now.get(name, 0) / total_now, then.get(name, 0) / total_then)
        for name in [*now, *(each for each in then if each not in now)]
    }
    most = max(shares, key=lambda name: abs(shares[name][0] - shares[name][1]))
    return [
        Measured(
            sum(abs(a - b) for a, b in shares.values()) / 2,
            f"the classes have drifted by {{}}; most of all {words.quoted(most)}, from "
            f"{words.percent(shares[most][1])} to {words.percent(shares[most][0])}",
            words.percent,
            "Look at what was added or taken away; if it is meant, take this version as baseline.",
        )
    ]


def _flags(rule: Rule, inputs: Inputs) -> FlagAnswer:
    question = rule.question()
    assert question is not None
    if inputs.facts.scan is None:
        raise _no_scan(inputs)
    found = inputs.facts.answer(question)
    if found is None or found.missing is not None:
        if question.needs_baseline and (found is None or inputs.baseline is None):
            raise NoData("There is no baseline to compare with.", NAME_BASELINE)
        reason = found.missing if found and found.missing else "It was not counted."
        raise NoData(reason, _CORRECT)
    return found


def _no_scan(inputs: Inputs) -> NoData:
    return NoData(inputs.facts.no_scan_because or "The dataset has no complete scan.", SCAN_IT)


def _counted(found: FlagAnswer, what: str) -> Measured:
    return Measured(found.flags, what, words.count, _REVIEW_FLAGS, worst=found.worst)


def _share(part: int, whole: int, nothing: str) -> float:
    if whole == 0:
        raise NoData(nothing, _CORRECT)
    return part / whole
