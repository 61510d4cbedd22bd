"""Krippendorff's alpha: agreement beyond what chance would give. 1 is all, 0 is chance's, below is
worse.

From counts, so that a million items are as cheap as ten: the libraries for it take a matrix of all
people by all items. Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def nominal_alpha(patterns: Iterable[tuple[Sequence[int], int]]) -> float | None:
    """Alpha of answers that are the same or not.

    Args:
        patterns: the answers given to an item, and how many items were given just these.
    Returns:
        None where it is not defined: no item with two answers, or all answers of one kind.
    """
    values = 0
    observed = 0.0
    totals: Counter[int] = Counter()
    for answers, items in patterns:
        if len(answers) < 2:
            continue
        counts = Counter(answers)
        values += items * len(answers)
        unlike = len(answers) ** 2 - sum(count * count for count in counts.values())
        observed += items * unlike / (len(answers) - 1)
        for answer, count in counts.items():
            totals[answer] += items * count
    expected = values * values - sum(count * count for count in totals.values())
    return _alpha(observed, expected, values)


def interval_alpha(values: int, observed: float, total: float, squares: float) -> float | None:
    """Alpha of numbers, whose distance is the square of their difference.

    Args:
        values: how many, of items with two or more.
        observed: over those items, 2 (m sum(v²) - sum(v)²) / (m - 1) for the m values of each.
        total, squares: sums of the values and of their squares.
    """
    return _alpha(observed, 2 * (values * squares - total * total), values)


def _alpha(observed: float, expected: float, values: int) -> float | None:
    if values < 2 or expected <= 0:
        return None
    return 1 - (values - 1) * observed / expected
