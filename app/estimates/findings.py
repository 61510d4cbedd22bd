"""What audits say of a population, in ranges: how many labels were wrong, and still are. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.estimates.bounds import (
    Bounds,
    Trail,
    bound_wrong_labels,
    course_of_bounds,
    is_bounded_by,
    likeliest_wrong_labels,
)
from app.estimates.history import History

_MOST_AUDITS = 200_000
"""So many more are not planned for."""


@dataclass(frozen=True)
class Range:
    """A number of wrong labels: the likeliest, and bounds."""

    estimate: int
    lowest: int
    highest: int

    def less(self, corrected: int) -> Range:
        return Range(self.estimate - corrected, self.lowest - corrected, self.highest - corrected)


@dataclass(frozen=True)
class WrongLabels:
    """Before the review, and after what it found wrong is corrected."""

    before: Range
    after: Range

    @classmethod
    def of(cls, likeliest: int, bounds: Bounds, corrected: int) -> WrongLabels:
        # The likeliest at this look may be what an earlier one excluded.
        estimate = min(max(likeliest, bounds.lowest), bounds.highest)
        before = Range(estimate, bounds.lowest, bounds.highest)
        return cls(before, before.less(corrected))


@dataclass(frozen=True)
class Look:
    """The review as it stood when so many audits had been drawn, by what is known today."""

    audits: int
    reviewed: int
    found: int
    before: Bounds


@dataclass(frozen=True)
class Findings:
    """Whatever is open, `all` holds: it spans what follows from taking it for right or wrong."""

    all: WrongLabels
    open_right: WrongLabels
    open_wrong: WrongLabels


def findings(history: History, *, alpha: float) -> Findings:
    ways = (False, True)
    bounds = [bound_wrong_labels(history.trail(open_is_wrong=way), alpha=alpha) for way in ways]
    # An audit that waits tells nothing, and would count as much as hundreds of examples.
    likeliest = [
        likeliest_wrong_labels(history.answered_trail(unknown_is_wrong=way)) for way in ways
    ]
    halfway = (sum(likeliest) + 1) // 2
    right, wrong = (
        WrongLabels.of(number, each, history.found)
        for number, each in zip(likeliest, bounds, strict=True)
    )
    return Findings(WrongLabels.of(halfway, _hull(*bounds), history.found), right, wrong)


def _hull(one: Bounds, other: Bounds) -> Bounds:
    return Bounds(min(one.lowest, other.lowest), max(one.highest, other.highest))


def course(history: History, *, alpha: float, points: int) -> list[Look]:
    """Bounds on all wrong labels over the review; the last is as it stands."""
    right, wrong = (history.trail(open_is_wrong=is_wrong) for is_wrong in (False, True))
    looks = sorted({round(part) for part in np.linspace(0, right.draws, points)})
    both = (course_of_bounds(trail, looks=looks, alpha=alpha) for trail in (right, wrong))
    return [
        Look(
            audits=seen,
            # In the pool's eyes what waits has left it; nobody has reviewed it.
            reviewed=min(history.examples - right.at(seen).unreviewed, history.reviewed),
            found=right.at(seen).found,
            before=_hull(one, other),
        )
        for seen, one, other in zip(looks, *both, strict=True)
    ]


def audits_to_reach(history: History, share: float, *, alpha: float) -> int | None:
    """About how many more answers to audits until at most this share is left wrong.

    As if they went on to find as many as there are by the likeliest estimate, evenly, and all that
    is found were corrected.

    Returns:
        0 if it is reached; None if what is unknown stands in the way, or it would be too many.
    """
    trail = history.answered_trail(unknown_is_wrong=True)
    # What is unknown stays as it is, so it counts among what is left.
    tolerated = int(share * history.examples) - history.unknown
    if tolerated < 0:
        return None
    likeliest = likeliest_wrong_labels(trail)

    def is_reached_by(more: int) -> bool:
        longer = _with_even_audits(trail, likeliest, more)
        return is_bounded_by(longer, longer.now.found + tolerated, alpha=alpha)

    most = min(trail.now.unreviewed, _MOST_AUDITS)
    enough = 0
    while not is_reached_by(enough):
        if enough == most:
            return None
        enough = min(max(2 * enough, 64), most)
    short = -1 if not enough else 0
    while enough - short > 1:
        middle = (short + enough) // 2
        if is_reached_by(middle):
            enough = middle
        else:
            short = middle
    return enough


def _with_even_audits(trail: Trail, likeliest: int, more: int) -> Trail:
    """The review going on with audits alone, which find evenly what there is likely to be."""
    now = trail.now
    rate = (likeliest - now.found) / max(now.unreviewed, 1)
    found = np.floor(rate * np.arange(more + 1) + 0.5)
    return Trail(
        np.append(trail.unreviewed[:-1], now.unreviewed - np.arange(more + 1)),
        np.append(trail.found[:-1], now.found + found),
        np.append(trail.answers, np.diff(found) > 0),
    )
