"""Numbers of gates in words."""

from __future__ import annotations


def percent(share: float) -> str:
    """`0.8 %`: as exact as it needs to be, so that a limit and what passes it look different."""
    return f"{_short(100 * share)} %"


def count(value: float) -> str:
    return f"{int(value):,}"


def days(value: float) -> str:
    return f"{_short(value)} day{'' if value == 1 else 's'}"


def plain(value: float) -> str:
    return _short(value)


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def quoted(text: str) -> str:
    return f"“{text}”"
