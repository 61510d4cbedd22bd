"""Shares as percentages: the one place where they are rounded."""

from __future__ import annotations

from collections.abc import Callable


def percent(share: float, decimals: int, whole: Callable[[float], int] = round) -> str:
    """`12.4 %`: at most so many decimals, and none that says nothing.

    Args:
        whole: `math.ceil` or `math.floor` for what must not be told as less, or more, than it is.
    """
    # Shares of counts are hardly ever exact: 0.07 is not to become 7.1 %.
    value = whole(round(share * 100 * 10**decimals, 6)) / 10**decimals
    text = f"{value:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
