"""How many labels are wrong: bounds that hold however often one looks. Pure: no database.

The mathematics is in docs/proof.md. In short: an audited example is drawn uniformly from those that
nobody has reviewed at that moment. If the population has W wrong labels, f of them found already,
and u examples unreviewed, then the drawn one is wrong with probability (W - f) / u, whatever was
reviewed in between and why. So each W gives the audit's answers a likelihood. A forecaster that
does not know W bets on the same answers; the ratio of its likelihood to W's is a martingale if W is
true, and passes 1/alpha at any time with probability alpha at most (Ville). The W for which it has
not are the confidence set: the prior-posterior-ratio sequence of Waudby-Smith and Ramdas (NeurIPS
2020), with the review's own findings between the draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """An audited example, as the review stood when it was drawn."""

    unreviewed: int
    """Examples that nobody had reviewed, itself among them."""
    found: int
    """Wrong labels found before it, in whatever way."""
    is_wrong: bool


@dataclass(frozen=True)
class Now:
    """The review as it stands."""

    unreviewed: int
    found: int


@dataclass(frozen=True)
class Bounds:
    """The population's number of wrong labels, those found among them, lies between these."""

    lowest: int
    highest: int


@dataclass(frozen=True)
class Forecaster:
    """A mixture of beta forecasters, one of which believes that nothing is wrong.

    It only decides how soon bounds become narrow; they hold for any.

    Attributes:
        sure: the weight of the one that believes so.
        betas: (weight, a, b) of the others; all weights add up to 1.
    """

    sure: float
    betas: tuple[tuple[float, float, float], ...]

    def log_likelihood(self, answers: NDArray[np.bool_]) -> Floats:
        """Of the first 0, 1, … answers; shape (answers + 1,)."""
        so_far = np.concatenate([[0.0], np.cumsum(answers)])
        before, count = so_far[:-1], np.arange(len(answers))
        with np.errstate(divide="ignore"):
            parts = [np.log(self.sure * (so_far == 0))]
        for weight, a, b in self.betas:
            wrong = (a + before) / (a + b + count)
            told = np.log(np.where(answers, wrong, 1 - wrong))
            parts.append(np.log(weight) + np.concatenate([[0.0], np.cumsum(told)]))
        mixed: Floats = np.logaddexp.reduce(np.stack(parts), axis=0)
        return mixed


USUAL = Forecaster(0.3, ((0.63, 2.0, 600.0), (0.07, 0.5, 5.0)))
"""Chosen by trial: it certifies soon where little is wrong, and is never far off where much is."""


def bound_wrong_labels(
    draws: Sequence[Draw], now: Now, *, alpha: float = 0.05, forecaster: Forecaster = USUAL
) -> Bounds:
    """Bounds on the number of wrong labels that hold at all looks together.

    With probability 1 - alpha at least, the true number lies within the bounds of every look that
    anybody takes while the review goes on. Each end alone holds with the same probability.

    Args:
        draws: all audited so far, in the order in which they were drawn.
    Raises:
        ValueError: the draws contradict each other or `now`.
    """
    return course_of_bounds(draws, now, alpha=alpha, forecaster=forecaster)[-1]


def course_of_bounds(
    draws: Sequence[Draw], now: Now, *, alpha: float = 0.05, forecaster: Forecaster = USUAL
) -> list[Bounds]:
    """`bound_wrong_labels` before the first draw, after it, …, and now: one more than draws.

    What an earlier look has excluded stays excluded, as the number is the same all along: no bound
    is wider than one before it.
    """
    trail = _Trail.of(draws, now)
    limit = -np.log(alpha) - forecaster.log_likelihood(trail.answers)
    states = [*(Now(draw.unreviewed, draw.found) for draw in draws), now]
    lowest, highest = 0, states[0].found + states[0].unreviewed
    course = []
    for seen, state in enumerate(states):
        lowest = max(lowest, state.found)
        highest = max(lowest, min(highest, state.found + state.unreviewed))
        if seen:
            lowest, highest = trail.narrow(seen, float(limit[seen]), lowest, highest)
        course.append(Bounds(lowest, highest))
    return course


@dataclass(frozen=True)
class _Trail:
    unreviewed: Floats
    found: Floats
    answers: NDArray[np.bool_]

    @classmethod
    def of(cls, draws: Sequence[Draw], now: Now) -> _Trail:
        trail = cls(
            np.array([draw.unreviewed for draw in draws], dtype=float),
            np.array([draw.found for draw in draws], dtype=float),
            np.array([draw.is_wrong for draw in draws], dtype=bool),
        )
        unreviewed = np.append(trail.unreviewed, now.unreviewed)
        found = np.append(trail.found, now.found)
        reviewed, findings = -np.diff(unreviewed), np.diff(found)
        sound = (
            (reviewed >= 1) & (findings >= trail.answers) & (reviewed - findings >= ~trail.answers)
        )
        if not sound.all():
            first = int(np.argmin(sound))
            raise ValueError(f"after draw {first} there is more, or less, than it allows")
        return trail

    def surprise(self, total: int, seen: int) -> float:
        """-log of the likelihood that `total` gives to the first answers; convex in `total`."""
        share = (total - self.found[:seen]) / self.unreviewed[:seen]
        told = np.where(self.answers[:seen], share, 1 - share)
        return -float(np.log(told).sum())

    def narrow(self, seen: int, limit: float, lowest: int, highest: int) -> tuple[int, int]:
        """The part of lowest..highest at which `surprise` is below the limit."""
        if self.surprise(lowest, seen) < limit and self.surprise(highest, seen) < limit:
            return lowest, highest
        best = self._best(seen, lowest, highest)
        return (
            self._edge(seen, limit, best, lowest),
            self._edge(seen, limit, best, highest),
        )

    def _best(self, seen: int, lowest: int, highest: int) -> int:
        while lowest < highest:
            middle = (lowest + highest) // 2
            if self.surprise(middle, seen) <= self.surprise(middle + 1, seen):
                highest = middle
            else:
                lowest = middle + 1
        return lowest

    def _edge(self, seen: int, limit: float, inside: int, outside: int) -> int:
        """The last below the limit on the way; where even the best is not, the best."""
        if self.surprise(outside, seen) < limit:
            return outside
        while abs(outside - inside) > 1:
            middle = (inside + outside) // 2
            if self.surprise(middle, seen) < limit:
                inside = middle
            else:
                outside = middle
        return inside
