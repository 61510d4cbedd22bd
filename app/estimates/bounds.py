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
class Trail:
    """A review's audits, and the review as it stands.

    Raises:
        ValueError: they contradict each other.
    """

    unreviewed: Floats
    """Before the first audit, the second, …, and now."""
    found: Floats
    """Likewise."""
    answers: NDArray[np.bool_]
    """Which of them found a wrong label."""

    @classmethod
    def of(cls, draws: Sequence[Draw], now: Now) -> Trail:
        """
        Args:
            draws: all audited so far, in the order in which they were drawn.
        """
        return cls(
            np.array([*(draw.unreviewed for draw in draws), now.unreviewed], dtype=float),
            np.array([*(draw.found for draw in draws), now.found], dtype=float),
            np.array([draw.is_wrong for draw in draws], dtype=bool),
        )

    def __post_init__(self) -> None:
        reviewed, findings = -np.diff(self.unreviewed), np.diff(self.found)
        sound = (
            (reviewed >= 1) & (findings >= self.answers) & (reviewed - findings >= ~self.answers)
        )
        if not sound.all():
            first = int(np.argmin(sound))
            raise ValueError(f"after draw {first} there is more, or less, than it allows")

    @property
    def draws(self) -> int:
        return len(self.answers)

    def at(self, seen: int) -> Now:
        """The review as it stood when so many audits had been drawn."""
        return Now(int(self.unreviewed[seen]), int(self.found[seen]))

    @property
    def now(self) -> Now:
        return self.at(self.draws)


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
    trail: Trail, *, alpha: float = 0.05, forecaster: Forecaster = USUAL
) -> Bounds:
    """Bounds on the number of wrong labels that hold at all looks together.

    With probability 1 - alpha at least, the true number lies within the bounds of every look that
    anybody takes while the review goes on. Each end alone holds with the same probability.
    """
    return course_of_bounds(trail, looks=[trail.draws], alpha=alpha, forecaster=forecaster)[-1]


def course_of_bounds(
    trail: Trail,
    *,
    looks: Sequence[int] | None = None,
    alpha: float = 0.05,
    forecaster: Forecaster = USUAL,
) -> list[Bounds]:
    """`bound_wrong_labels` before the first draw, after it, …, and now: one more than draws.

    What an earlier look has excluded stays excluded, as the number is the same all along: no bound
    is wider than one before it.

    Args:
        looks: after how many draws, ascending, where not after each; those between count as well.
    """
    limits = _limits(trail, alpha, forecaster)
    lowest, highest = 0, trail.at(0).found + trail.at(0).unreviewed
    counted = 0
    course = []
    for seen in range(trail.draws + 1) if looks is None else looks:
        state = trail.at(seen)
        lowest = max(lowest, state.found)
        highest = max(lowest, min(highest, state.found + state.unreviewed))
        if seen > counted:
            lowest, highest = _Looks(trail, limits, counted + 1, seen).narrow(lowest, highest)
        counted = seen
        course.append(Bounds(lowest, highest))
    return course


def likeliest_wrong_labels(trail: Trail) -> int:
    """The number that makes the audits' answers likeliest; without audits, what was found."""
    now = trail.now
    if not trail.draws:
        return now.found
    looks = _Looks(trail, _limits(trail, 1.0, USUAL), trail.draws, trail.draws)
    return looks.best(now.found, now.found + now.unreviewed)


def is_bounded_by(
    trail: Trail, most: int, *, alpha: float = 0.05, forecaster: Forecaster = USUAL
) -> bool:
    """Whether `bound_wrong_labels` is at most `most`, in two steps of its search."""
    now = trail.now
    if most >= now.found + now.unreviewed:
        return True
    if most < now.found or not trail.draws:
        return False
    looks = _Looks(trail, _limits(trail, alpha, forecaster), 1, trail.draws)
    if most + 1 == now.found + now.unreviewed:
        return looks.excess(most + 1) >= 0
    return 0 <= looks.excess(most + 1) <= looks.excess(most + 2)


def _limits(trail: Trail, alpha: float, forecaster: Forecaster) -> Floats:
    """What the surprise at the first 0, 1, … answers must stay below."""
    limits: Floats = -np.log(alpha) - forecaster.log_likelihood(trail.answers)
    return limits


@dataclass(frozen=True)
class _Looks:
    """The looks after the draws `first` to `last`, all at once."""

    trail: Trail
    limits: Floats
    first: int
    last: int

    def excess(self, total: int) -> float:
        """By how much `total` passes a limit at the look where it does so most; convex in it.

        Its surprise, -log of the likelihood that it gives to the answers, is a sum of convex terms.
        """
        trail, last = self.trail, self.last
        share = (total - trail.found[:last]) / trail.unreviewed[:last]
        told = np.log(np.where(trail.answers[:last], share, 1 - share))
        surprise = -np.cumsum(told)[self.first - 1 :]
        return float((surprise - self.limits[self.first : last + 1]).max())

    def narrow(self, lowest: int, highest: int) -> tuple[int, int]:
        """The part of lowest..highest that no look excludes."""
        if self.excess(lowest) < 0 and self.excess(highest) < 0:
            return lowest, highest
        best = self.best(lowest, highest)
        return self._edge(best, lowest), self._edge(best, highest)

    def best(self, lowest: int, highest: int) -> int:
        while lowest < highest:
            middle = (lowest + highest) // 2
            if self.excess(middle) <= self.excess(middle + 1):
                highest = middle
            else:
                lowest = middle + 1
        return lowest

    def _edge(self, inside: int, outside: int) -> int:
        """The last within all limits on the way; where even the best is not, the best."""
        if self.excess(outside) < 0:
            return outside
        while abs(outside - inside) > 1:
            middle = (inside + outside) // 2
            if self.excess(middle) < 0:
                inside = middle
            else:
                outside = middle
        return inside
