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
