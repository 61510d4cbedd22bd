"""How often reviewers err, from items that two decided and from canaries. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betaincinv


@dataclass(frozen=True)
class Share:
    """A share with its exact (Clopper-Pearson) interval, for one look."""

    estimate: float
    lowest: float
    highest: float


def share_of(hits: int, trials: int, *, alpha: float) -> Share | None:
    """None without trials."""
    if not trials:
        return None
    lowest = betaincinv(hits, trials - hits + 1, alpha / 2) if hits else 0.0
    highest = betaincinv(hits + 1, trials - hits, 1 - alpha / 2) if hits < trials else 1.0
    return Share(hits / trials, float(lowest), float(highest))


def error_rate(disagreed: int, items: int, *, alpha: float) -> Share | None:
    """How often a verdict is wrong, from how often two on the same item disagree.

    If each errs alone and no two err alike, two agree with probability (1 - error)².
    """
    found = share_of(disagreed, items, alpha=alpha)
    if found is None:
        return None
    return Share(
        *(1 - math.sqrt(1 - part) for part in (found.estimate, found.lowest, found.highest))
    )
