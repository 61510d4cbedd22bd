"""The labels that a reviewer can choose by one key, the most likely first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST = 9


@dataclass(frozen=True)
class Choice:
    label: str
    share: float | None
    """How likely the model holds it to be, where it said so."""
    is_given: bool
    is_suggested: bool


def likely_first(
    classes: Sequence[str],
    given: str | None,
    *,
    suggested: str | None,
    shares: Mapping[str, float | None],
    often: Sequence[str],
) -> list[Choice]:
    """At most nine choices.

    Args:
        suggested: None where the queue hides it; then the choices keep the classes' own order,
            which tells nothing.
        shares: the model's probabilities, of those classes for which they are known.
        often: classes that are suggested for this given label, the most frequent first.
    """
    if suggested is None:
        return [Choice(name, None, name == given, False) for name in classes[:MOST]]
    known = sorted(
        (name for name in (suggested, given) if name is not None),
        key=lambda name: -(shares.get(name) or 0.0),
    )
    order = dict.fromkeys([*known, *often, *classes])
    return [
        Choice(name, shares.get(name), name == given, name == suggested)
        for name in list(order)[:MOST]
    ]
