"""The answer as a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable

from app.estimates.schemas import AuditsOut, WrongLabelsOut
from app.percent import percent


def conclusion(wrong: WrongLabelsOut, audits: AuditsOut, *, unreviewed: int, alpha: float) -> str:
    """What may be said if one stops now."""
    if unreviewed and not audits.answered:
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
    return percent(share, 1 if share >= 0.1 else 2, whole)


def confidence(alpha: float) -> str:
    return f"{100 * (1 - alpha):.6g} %"
