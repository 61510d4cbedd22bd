"""Numbers of gates in words, to four digits unless two of them would look alike."""

from __future__ import annotations

USUAL = 4
ALL = 15


def percent(share: float, digits: int = USUAL) -> str:
    """`0.8 %`."""
    return f"{_short(100 * share, digits)} %"


def count(value: float, _digits: int = USUAL) -> str:
    return f"{int(value):,}"


def days(value: float, digits: int = USUAL) -> str:
    return f"{_short(value, digits)} day{'' if value == 1 else 's'}"


def plain(value: float, digits: int = USUAL) -> str:
    return _short(value, digits)


def _short(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"


def quoted(text: str) -> str:
    return f"“{text}”"


def where(label: str | None, key: str | None, suspicion: float, *, changed: bool = False) -> str:
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
