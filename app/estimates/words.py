"""The answer as a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable

from app.estimates.schemas import AuditsOut, WrongLabelsOut


def conclusion(wrong: WrongLabelsOut, audits: AuditsOut, *, alpha: float) -> str:
    """What may be said if one stops now."""
    if not audits.answered:
        return "Nothing is known yet of the labels that nobody reviewed: no audit is answered."
    most = at_most(wrong.after.share.highest)
    return f"At most {most} of the labels are still wrong, with {confidence(alpha)} confidence."


def at_most(share: float) -> str:
    """A bound, never rounded to less than it is: `0.82 %`, `12.4 %`."""
    return _percent(share, math.ceil)


def at_least(share: float) -> str:
    return _percent(share, math.floor)


def about(share: float) -> str:
    return _percent(share, round)


def _percent(share: float, whole: Callable[[float], int]) -> str:
    digits = 1 if share >= 0.1 else 2
    # Shares of counts are hardly ever exact: 0.07 is not to become 7.1 %.
    value = whole(round(share * 100 * 10**digits, 6)) / 10**digits
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + " %"


def confidence(alpha: float) -> str:
    return f"{100 * (1 - alpha):.6g} %"
