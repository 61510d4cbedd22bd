"""What rules ask for: which way is better, how far one may go, and in which unit."""

from __future__ import annotations

from collections.abc import Callable

from app.gates import words
from app.gates.policy import (
    Agreement,
    DetectorRecall,
    Fingerprint,
    Flags,
    FlagsPerClass,
    FoundWrong,
    NewFlags,
    Reviewed,
    Rule,
    ScanAge,
    UnreviewedFlags,
)


def direction(rule: Rule) -> int:
    """1 where less is better, -1 where more is."""
    return -1 if isinstance(rule, Reviewed | Agreement | DetectorRecall) else 1


def limit_of(rule: Rule) -> float | None:
    if isinstance(rule, Fingerprint):
        return 0.0
    given = [
        value
        for name, value in rule.__dict__.items()
        if name.startswith(("at_most", "at_least")) and value is not None
    ]
    return given[0] if given else None


def limit_in_words(rule: Rule) -> str:
    if isinstance(rule, Fingerprint):
        return "the same data"
    parts = []
    limit = limit_of(rule)
    if limit is not None:
        word = "at most" if direction(rule) > 0 else "at least"
        parts.append(f"{word} {unit_of(rule)(limit)}")
    if getattr(rule, "ratchet", False):
        parts.append("no worse than the baseline")
    return ", ".join(parts)


def unit_of(rule: Rule) -> Callable[..., str]:
    """Puts a number of the rule's in words, with so many digits if they are given."""
    match rule:
        case ScanAge():
            return words.days
        case Agreement(measure="alpha"):
            return words.plain
        case NewFlags() | UnreviewedFlags() | FoundWrong():
            return words.count
        case Flags() | FlagsPerClass() if rule.at_most is not None:
            return words.count
        case _:
            return words.percent
