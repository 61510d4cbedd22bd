"""Is a policy met? Pure: inputs in, result out, the same for the same inputs at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from app.gates import words
from app.gates.facts import Inputs
from app.gates.limits import direction, limit_in_words, limit_of, unit_of
from app.gates.measures import NAME_BASELINE, Measured, NoData, measure
from app.gates.policy import Fingerprint, Level, Rule
from app.gates.results import (
    Finding,
    Result,
    RuleResult,
    Status,
    Verdict,
    WaiverOut,
    WorstExample,
)

_MOST_NAMED = 5


def evaluate(inputs: Inputs) -> Result:
    """The verdict on a dataset version: that of its worst rule."""
    rules = [_judge(rule, inputs) for rule in inputs.policy.rules]
    return Result(verdict=_verdict(rules), rules=rules, worst=_worst(rules, inputs))


def _verdict(rules: Sequence[RuleResult]) -> Verdict:
    """A rule that is broken stays broken, whatever is unknown beside it."""
    found = {rule.status for rule in rules}
    for status, verdict in (
        (Status.fail, Verdict.fail),
        (Status.no_verdict, Verdict.no_verdict),
        (Status.warn, Verdict.warn),
    ):
        if status in found:
            return verdict
    return Verdict.passed


def _worst(rules: Sequence[RuleResult], inputs: Inputs) -> list[WorstExample]:
    behind: dict[int, list[str]] = {}
    for rule in rules:
        for position in rule.worst if rule.finding is not Finding.holds else ():
            behind.setdefault(position, []).append(rule.id)
    return [
        WorstExample(**example.model_dump(), rules=behind[example.position])
        for example in sorted(inputs.facts.examples, key=lambda each: each.rank)
        if example.position in behind
    ]


@dataclass(frozen=True)
class _Found:
    finding: Finding
    reason: str
    remedy: str | None = None
    measured: str | None = None
    value: float | None = None
    baseline: float | None = None
    worst: tuple[int, ...] = ()


def _judge(rule: Rule, inputs: Inputs) -> RuleResult:
    try:
        found = _held_against_limits(rule, inputs)
    except NoData as missing:
        found = _Found(Finding.unknown, missing.reason, missing.remedy)
    waiver = _waiver(rule, inputs)
    return RuleResult(
        id=rule.name,
        rule=rule.rule,
        level=rule.level,
        status=_status(rule, found.finding, waiver),
        finding=found.finding,
        measured=found.measured,
        limit=limit_in_words(rule),
        value=found.value,
        baseline=found.baseline,
        reason=found.reason,
        remedy=found.remedy,
        waiver=waiver,
        worst=list(found.worst),
    )


def _status(rule: Rule, finding: Finding, waiver: WaiverOut | None) -> Status:
    if finding is Finding.holds:
        return Status.passed
    if waiver is not None and not waiver.expired:
        return Status.waived
    if rule.level is Level.warn:
        return Status.warn
    return Status.fail if finding is Finding.broken else Status.no_verdict


def _waiver(rule: Rule, inputs: Inputs) -> WaiverOut | None:
    """The one that holds longest."""
    today = inputs.at.astimezone(ZoneInfo(inputs.policy.time_zone)).date()
    mine = [each for each in inputs.policy.waivers if each.rule == rule.name]
    if not mine:
        return None
    last = max(mine, key=lambda each: each.until)
    return WaiverOut(
        owner=last.owner, reason=last.reason, until=last.until, expired=last.until < today
    )


def _held_against_limits(rule: Rule, inputs: Inputs) -> _Found:
    """Raises NoData."""
    measured = measure(rule, inputs)
    before = _of_baseline(rule, inputs)
    faults = {each: _faults(rule, each, before.get(each.label)) for each in measured}
    undecided = [each for each in measured if faults[each] and _may_hold(rule, each, faults[each])]
    broken = [each for each in measured if faults[each] and each not in undecided]
    if broken:
        # A class far beyond its limit is more to blame than one just beyond.
        broken.sort(key=lambda each: -max(fault.by for fault in faults[each]))
        return _found(
            Finding.unknown if broken[0].stale else Finding.broken,
            broken[0],
            before,
            _listed([fault.text for each in broken for fault in faults[each]]),
            remedy=broken[0].remedy,
        )
    if undecided:
        (each, *_) = undecided
        as_good = "no more than" if direction(rule) > 0 else "as much as"
        text = f"{each.told()}, but it may be {as_good} {each.at_best_in_words}"
        return _found(Finding.unknown, each, before, text, remedy=each.undecided_remedy)
    nearest = max(measured, key=lambda each: direction(rule) * each.value)
    return _found(Finding.holds, nearest, before, nearest.told())


@dataclass(frozen=True)
class _Fault:
    limit: float
    by: float
    """So far beyond it."""
    text: str


def _faults(rule: Rule, each: Measured, before: float | None) -> list[_Fault]:
    """The limits that a number is beyond; exactly at a limit is within. Both look different."""
    word = "at most" if direction(rule) > 0 else "at least"
    limits = [
        # What is asked for is no bound, and not to be rounded like one.
        (limit_of(rule), f"{word} {{}} is asked for", unit_of(rule)),
        (before, "the baseline has {}", each.in_words),
    ]
    found = []
    for limit, text, in_words in limits:
        if limit is not None and direction(rule) * (each.value - limit) > 0:
            alike = each.in_words(each.value, words.USUAL) == in_words(limit, words.USUAL)
            digits = words.ALL if alike else words.USUAL
            told = text.replace("{}", in_words(limit, digits), 1)
            if isinstance(rule, Fingerprint):
                told = "they must be the same"
            by = abs(each.value - limit)
            found.append(_Fault(limit, by, f"{each.told(digits)}; {told}"))
    return found


def _may_hold(rule: Rule, each: Measured, faults: Sequence[_Fault]) -> bool:
    best = each.at_best
    return best is not None and all(direction(rule) * (best - fault.limit) <= 0 for fault in faults)


def _of_baseline(rule: Rule, inputs: Inputs) -> dict[str | None, float]:
    """The baseline's own numbers, by class, for a ratchet. Raises NoData."""
    if not getattr(rule, "ratchet", False):
        return {}
    if inputs.baseline is None:
        raise NoData("There is no baseline to compare with.", NAME_BASELINE)
    then = inputs.model_copy(update={"facts": inputs.baseline, "baseline": None})
    try:
        return {each.label: each.value for each in measure(rule, then)}
    except NoData as missing:
        raise NoData(f"The baseline cannot be measured: {missing.reason}", missing.remedy) from None


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return ". ".join(map(_capital, texts[:_MOST_NAMED])) + (
        f". And {more} more" if more > 0 else ""
    )


def _found(
    finding: Finding,
    shown: Measured,
    before: dict[str | None, float],
    reason: str,
    *,
    remedy: str | None = None,
) -> _Found:
    return _Found(
        finding,
        f"{_capital(reason)}.",
        remedy,
        measured=shown.in_words(shown.value, words.USUAL),
        value=shown.value,
        baseline=before.get(shown.label),
        worst=shown.worst,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
