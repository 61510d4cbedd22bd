"""What a policy's rules ask for, as sentences."""

from __future__ import annotations

from functools import singledispatch

from app.gates.limits import direction, limit_of, unit_of
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
from app.gates.words import count, percent, where


def sentence(rule: Rule) -> str:
    """`At most 1 % of the labels are wrong after corrections, with 95 % confidence.`"""
    if isinstance(rule, Fingerprint):
        return "The data in the repository are those that are registered."
    told = _told(rule).replace("{}", _limit(rule), 1) + _of_baseline(rule)
    return f"{told[:1].upper()}{told[1:]}."


def _limit(rule: Rule) -> str:
    limit = limit_of(rule)
    less = direction(rule) > 0
    if limit is None:
        return "no more" if less else "no less"
    if limit == 0 and unit_of(rule) is count:
        return "no"
    return f"at {'most' if less else 'least'} {unit_of(rule)(limit)}"


def _of_baseline(rule: Rule) -> str:
    if not getattr(rule, "ratchet", False):
        return ""
    if limit_of(rule) is None:
        return ", compared with the baseline"
    return f", and no {'more' if direction(rule) > 0 else 'less'} than in the baseline"


@singledispatch
def _told(rule: Rule) -> str:
    """`{}` stands for the limit. Not format(): what follows may be a user's text, with braces."""
    raise NotImplementedError(rule.rule)


@_told.register
def _(rule: WrongLabels) -> str:
    sure = f"with {percent(rule.confidence)} confidence"
    return (
        f"{{}} of the labels{where(rule.label, rule.key)} are wrong {rule.of} corrections, {sure}"
    )


@_told.register
def _(rule: EstimatedShare) -> str:
    labels = f"labels{where(rule.label, rule.key)}"
    return f"{{}} of the {labels} are most likely wrong {rule.of} corrections"


@_told.register
def _(rule: NewFlags) -> str:
    flags = _counted(rule, "flag")
    return f"{{}} {flags}{where(rule.label, rule.key, rule.suspicion)} that the baseline has not"


@_told.register
def _(rule: UnreviewedFlags) -> str:
    return f"{{}} {_counted(rule, 'flag')}{_where(rule)} that nobody has reviewed"


@_told.register
def _(rule: FoundWrong) -> str:
    are = "is" if limit_of(rule) == 1 else "are"
    labels = f"{_counted(rule, 'label')}{where(rule.label, rule.key)}"
    return f"{{}} {labels} that people found wrong {are} still in the data"


@_told.register
def _(rule: Flags) -> str:
    if rule.at_most is not None:
        return f"{{}} {_counted(rule, 'flag')}{_where(rule)}"
    return f"{{}} of the examples{_where(rule)} are flagged"


@_told.register
def _(rule: FlagsPerClass) -> str:
    if rule.at_most is not None:
        return f"{{}} {_counted(rule, 'flag')} in each class{_where(rule)}"
    return f"{{}} of the examples of each class{_where(rule)} are flagged"


@_told.register
def _(rule: Reviewed) -> str:
    if rule.of == "examples":
        which = where(rule.label, rule.key)
        return f"{{}} of {'the' if which else 'all'} examples{which} are reviewed"
    return f"{{}} of the flags{_where(rule)} are reviewed"


@_told.register
def _(rule: Agreement) -> str:
    least = f"over {rule.min_items:,} items or more"
    if rule.measure == "share":
        return f"people agree on {{}} of the items that several decided, {least}"
    return f"Krippendorff's alpha is {{}}, {least}"


@_told.register
def _(_rule: DetectorRecall) -> str:
    return f"{{}} of the errors planted in memory would be flagged, with {percent(0.95)} confidence"


@_told.register
def _(_rule: ScanAge) -> str:
    return "the scan is {} old"


@_told.register
def _(_rule: ClassDrift) -> str:
    return "the classes' shares have moved by {} since the baseline"


def _counted(rule: Rule, one: str) -> str:
    return one if limit_of(rule) == 1 else f"{one}s"


def _where(rule: UnreviewedFlags | Flags | FlagsPerClass | Reviewed) -> str:
    label = None if isinstance(rule, FlagsPerClass) else rule.label
    return where(label, rule.key, rule.suspicion, changed=rule.only_changed)
