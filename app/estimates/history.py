"""A review as the bounds want it: what had left the pool before each audit was drawn. Pure.

An example leaves the pool when it is first settled, or when it is drawn. What is true of it is
known later, perhaps much later, and may change; bounds are made of what is known today. The order
is that of the draws, whoever answered first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from app.estimates.bounds import Trail


class Outcome(StrEnum):
    """What is known today of an example that has left the pool."""

    right = "right"
    wrong = "wrong"
    """The label is another, or the example is not usable."""
    unknown = "unknown"
    """People were unsure or do not agree, or it was taken back."""
    waiting = "waiting"
    """Drawn, and not decided yet."""


@dataclass(frozen=True)
class Left:
    """Examples that left the pool alike: after how many draws, of which class, with what outcome.

    An audit leaves with its own draw and stands alone.
    """

    after: int
    label: int | None
    outcome: Outcome
    examples: int = 1
    unreviewed: int | None = None
    """Of an audit: how many were in the pool when it was drawn, itself among them."""

    @property
    def is_audit(self) -> bool:
        return self.unreviewed is not None


class History:
    """Of a population: a dataset version, or a slice of it that was fixed before."""

    def __init__(self, examples: int, left: Iterable[Left], *, is_slice: bool = False) -> None:
        """
        Args:
            left: in any order; they are kept in that of the draws.
            is_slice: the pools that were recorded are of the whole; the slice's are counted.
        """
        self.examples = examples
        self.left = sorted(left, key=lambda each: each.after)
        self._is_slice = is_slice
        self._audits = [each for each in self.left if each.is_audit]
        self._after = np.array([each.after for each in self.left], dtype=np.int64)
        self._sizes = np.array([each.examples for each in self.left], dtype=np.int64)
        self._counts: Counter[Outcome] = Counter()
        for each in self.left:
            self._counts[each.outcome] += each.examples

    @property
    def drawn(self) -> int:
        return len(self._audits)

    @property
    def waiting(self) -> int:
        """Audits that were drawn and not decided yet."""
        return self._count(Outcome.waiting)

    @property
    def reviewed(self) -> int:
        return self._count(Outcome.right, Outcome.wrong, Outcome.unknown)

    @property
    def found(self) -> int:
        return self._count(Outcome.wrong)

    @property
    def unknown(self) -> int:
        return self._count(Outcome.unknown)

    def of_class(self, label: int, examples: int) -> History:
        own = (each for each in self.left if each.label == label)
        return History(examples, own, is_slice=True)

    def trail(self, *, open_is_wrong: bool) -> Trail:
        """With every example that waits or is unknown taken for wrong, or for right."""
        open_ones = {Outcome.unknown, Outcome.waiting}
        wrong_ones = {Outcome.wrong} | (open_ones if open_is_wrong else set())
        return self._trail(self._audits, wrong_ones)

    def answered_trail(self, *, unknown_is_wrong: bool) -> Trail:
        """Without the audits that wait; it tells what is likely, and no bounds."""
        audits = [each for each in self._audits if each.outcome is not Outcome.waiting]
        wrong_ones = {Outcome.wrong} | ({Outcome.unknown} if unknown_is_wrong else set())
        return self._trail(audits, wrong_ones)

    def _trail(self, audits: list[Left], wrong_ones: set[Outcome]) -> Trail:
        is_wrong = np.array([each.outcome in wrong_ones for each in self.left], dtype=bool)
        parts = (self._sizes, self._sizes * is_wrong)
        gone, found = (np.append(0, np.cumsum(part)) for part in parts)
        before = np.searchsorted(self._after, [each.after for each in audits], side="left")
        if self._is_slice:
            pools = self.examples - gone[before]
        else:
            pools = np.array([each.unreviewed for each in audits])
        return Trail(
            np.append(pools, self.examples - gone[-1]).astype(float),
            np.append(found[before], found[-1]).astype(float),
            np.array([each.outcome in wrong_ones for each in audits], dtype=bool),
        )

    def _count(self, *outcomes: Outcome) -> int:
        return sum(self._counts[each] for each in outcomes)
