"""Reviews that never were: a queue by suspicion with audits between, and people who answer late.

Six people take items; one of them is slow, so answers come out of the order of the draws, some of
them never. Some examples leave people unsure, wrong ones more often than right ones; half of those
are decided later. Now and then somebody takes a verdict back for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app.estimates.history import History, Left, Outcome

Ranking = Literal["informative", "useless"]

_PACES = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.05])
_UNSURE = {True: 0.08, False: 0.02}
_TAKEN_BACK = 0.01
_DECIDED_LATER = 0.05


@dataclass(frozen=True)
class Plan:
    """Of a review: how many examples there are, and what its queue hands out."""

    examples: int = 300
    audits: int = 80
    flags: int = 160
    most_wrong: float = 0.2
    """The share of wrong labels is drawn from 0 to this."""


class SimulatedReview:
    """A review, verdict by verdict.

    Attributes:
        is_wrong: which labels of the population are.
        wrong: how many.
        left: by position, what has left the pool.
    """

    def __init__(self, seed: int, ranking: Ranking, plan: Plan) -> None:
        self._rng = np.random.default_rng(seed)
        self._examples = plan.examples
        self.is_wrong = self._rng.random(plan.examples) < self._rng.uniform(0, plan.most_wrong)
        self.wrong = int(self.is_wrong.sum())
        suspicion = self._rng.normal(size=plan.examples)
        if ranking == "informative":
            suspicion += 2.0 * self.is_wrong
        self._flags = [int(each) for each in np.argsort(suspicion)[-plan.flags :]]
        self._audits = plan.audits
        self._drawn = 0
        self._pool = list(range(plan.examples))
        self._place = list(range(plan.examples))
        self.left: dict[int, Left] = {}
        self._held: list[int | None] = [None] * len(_PACES)
        self._unknown: list[int] = []

    @property
    def history(self) -> History:
        """As it stands."""
        return History(self._examples, self.left.values())

    @property
    def truth(self) -> History:
        """As it stands, were all known of what has left the pool."""
        known = (
            replace(each, outcome=Outcome.wrong if self.is_wrong[position] else Outcome.right)
            for position, each in self.left.items()
        )
        return History(self._examples, known)

    def verdicts(self) -> Iterator[None]:
        """Goes on by a verdict at a time, until nothing is left but what the slow one holds."""
        while self._audits or self._flags or any(each is not None for each in self._held[:-1]):
            person = int(self._rng.choice(len(_PACES), p=_PACES / _PACES.sum()))
            held = self._held[person]
            if held is not None:
                self._answer(held)
                self._held[person] = None
            self._revise()
            self._held[person] = self._take()
            if held is not None:
                yield

    def _take(self) -> int | None:
        left = self._audits + len(self._flags)
        if left and self._rng.random() < self._audits / left:
            self._audits -= 1
            return self._draw()
        while self._flags:
            flag = self._flags.pop()
            if flag not in self.left and flag not in self._held:
                return flag
        return None

    def _draw(self) -> int | None:
        if not self._pool:
            return None
        drawn = self._pool[int(self._rng.integers(len(self._pool)))]
        self._drawn += 1
        self.left[drawn] = Left(self._drawn, None, Outcome.waiting, 1, len(self._pool))
        self._leave_pool(drawn)
        # Whoever holds it as a flag answers.
        return None if drawn in self._held else drawn

    def _answer(self, position: int) -> None:
        is_wrong = bool(self.is_wrong[position])
        if self._rng.random() < _UNSURE[is_wrong]:
            self._put(position, Outcome.unknown)
            if self._rng.random() < 0.5:
                self._unknown.append(position)
        else:
            self._put(position, Outcome.wrong if is_wrong else Outcome.right)

    def _revise(self) -> None:
        """What is unknown for a while is decided; what was decided is taken back for a while."""
        for position in list(self._unknown):
            if self._rng.random() < _DECIDED_LATER:
                self._unknown.remove(position)
                self._put(position, Outcome.wrong if self.is_wrong[position] else Outcome.right)
        if self.left and self._rng.random() < _TAKEN_BACK:
            position = int(self._rng.choice(list(self.left)))
            if self.left[position].outcome in (Outcome.right, Outcome.wrong):
                self._put(position, Outcome.unknown)
                self._unknown.append(position)

    def _put(self, position: int, outcome: Outcome) -> None:
        before = self.left.get(position)
        if before is None:
            self.left[position] = Left(self._drawn, None, outcome)
            self._leave_pool(position)
        else:
            self.left[position] = replace(before, outcome=outcome)

    def _leave_pool(self, position: int) -> None:
        place, last = self._place[position], self._pool[-1]
        self._pool[place], self._place[last] = last, place
        self._pool.pop()
