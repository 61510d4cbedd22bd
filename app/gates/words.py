"""Numbers of gates in words, to four digits unless two of them would look alike."""

from __future__ import annotations

import math

from app.estimates.words import at_least, at_most
from app.percent import percent as in_percent

USUAL = 4
ALL = 15


def percent(share: float, digits: int = USUAL) -> str:
    """`0.8 %`."""
    size = math.floor(math.log10(abs(100 * share))) if share else 0
    return in_percent(share, min(max(digits - 1 - size, 0), ALL))


def bound(share: float, digits: int = USUAL) -> str:
    """Never rounded to less than it is, and told as the page of estimates does."""
    return at_most(share) if digits == USUAL else percent(share, digits)


def lower_bound(share: float, digits: int = USUAL) -> str:
    """Never rounded to more than it is."""
    return at_least(share) if digits == USUAL else percent(share, digits)


def count(value: float, _digits: int = USUAL) -> str:
    return f"{int(value):,}"


def days(value: float, digits: int = USUAL) -> str:
    """`14 days`, `3.5 hours`."""
    if value >= 1 or value <= 0:
        return f"{_short(value, digits)} day{'' if value == 1 else 's'}"
    hours = 24 * value
    if hours >= 1:
        return f"{_short(hours, digits)} hour{'' if hours == 1 else 's'}"
    if 60 * hours < 1 and digits == USUAL:
        return "less than a minute"
    return f"{_short(60 * hours, digits)} minutes"


def plain(value: float, digits: int = USUAL) -> str:
    return _short(value, digits)


def _short(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"


def quoted(text: str) -> str:
    return f"“{text}”"


def where(
    label: str | None, key: str | None, suspicion: float = 0.0, *, changed: bool = False
) -> str:
    """Which flags or examples a rule is about; empty if all."""
    parts = []
    if label is not None:
        parts.append(f"in class {quoted(label)}")
    if key is not None:
        parts.append(f"with a key like {quoted(key)}")
    if suspicion > 0:
        parts.append(f"at least {plain(suspicion)} suspicious")
    if changed:
        parts.append("among what has changed")
    return "".join(f" {part}" for part in parts)
