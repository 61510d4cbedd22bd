"""The answer as a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable

from app.estimates.schemas import AuditsOut, WrongLabelsOut
from app.estimates.slices import Slice
from app.percent import percent


def conclusion(
    wrong: WrongLabelsOut, audits: AuditsOut, *, unreviewed: int, alpha: float, where: str = ""
) -> str:
    """What may be said if one stops now.

    Args:
        where: `slice_in_words`.
    """
    if unreviewed and not audits.answered:
        fell = " that fell there" if where else ""
        return (
            f"Nothing is known yet of the labels{where} that nobody reviewed: no audit{fell} is "
            "answered."
        )
    most = at_most(wrong.after.share.highest)
    return (
        f"At most {most} of the labels{where} are still wrong, with {confidence(alpha)} confidence."
    )


def slice_in_words(part: Slice) -> str:
    """` in class “cat” with a key like “night/*”`; nothing for the whole."""
    names = [f"“{name}”" for name in part.labels]
    said = ""
    if len(names) == 1:
        said = f" in class {names[0]}"
    elif names:
        said = f" in the classes {', '.join(names[:-1])} and {names[-1]}"
    return said + (f" with a key like “{part.key}”" if part.key is not None else "")


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
