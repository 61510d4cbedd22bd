"""Mixing audits and canaries into a queue, at random, as its items are asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.estimates.drawing import draw, hold_pool
from app.reviews import mixing_queries as queries
from app.reviews import queue_queries
from app.reviews.desks import AtDesk
from app.reviews.models import ItemRole

CHANCE: random.Random = random.SystemRandom()


class Mixing:
    """What is mixed into a queue for one caller, in one transaction."""

    def __init__(self, db: Session, at: AtDesk) -> None:
        self._db, self._at = db, at
        self.holds_pool = False
        """No lock of an item may be waited for then: its holder may wait for the pool."""

    def some_of(self, wanted: int) -> list[Any]:
        """What is mixed in among the next `wanted` items, claimed.

        Each time that something is to be given out, it is an audit with the share that audits have
        in all that is left, and a canary likewise: so both are spread over the whole review.
        """
        queue = self._at.queue
        left = queue.audits_left + queue.canaries_left
        if left <= 0 or wanted <= 0:
            return []
        counts = queue_queries.settled_counts(self._db, [queue.id]).get(queue.id)
        settled = counts.done + counts.disputed if counts else 0
        wanting = max(queue.item_count + queue.mixed_in - settled, 0)
        if not (wanting or queue.audits_left):
            # There is nothing left to mix a canary into.
            return []
        # Whatever is drawn is asked for as often as a flag is, by others.
        turns = queue.overlap * (wanting + left)
        taken: list[Any] = []
        for _ in range(wanted):
            turn = CHANCE.random() * turns
            if turn < queue.audits_left:
                taken += self._audit() or []
            elif turn < left:
                taken += self._canary()
        return taken

    def audits(self, wanted: int) -> list[Any]:
        """So many audits, or all that are left: nothing else is there to give out."""
        taken: list[Any] = []
        while len(taken) < wanted and self._at.queue.audits_left > 0:
            drawn = self._audit()
            if drawn is None:
                break
            taken += drawn
        return taken

    def _audit(self) -> Sequence[Any] | None:
        """An audit, drawn and claimed.

        Returns:
            Empty: the drawn one is in the hand of others, or decided by the caller.
            None: nothing more is to be drawn.
        """
        db, at = self._db, self._at
        self._hold_pool()
        if not queries.count_audit(db, at.queue.id):
            return None
        drawn = draw(db, at.queue.dataset_id, at.queue.id, CHANCE)
        if drawn is None:
            queries.end_audits(db, at.queue.id)
            return None
        made = queries.add_item(db, at.queue, at.me, drawn.position, ItemRole.audit)
        return made or queries.move_ahead(db, at.queue, at.me, drawn.position)

    def _canary(self) -> Sequence[Any]:
        db, at = self._db, self._at
        self._hold_pool()
        known = queries.choose_canary(db, at.queue, at.me, CHANCE.random())
        if known is None or not queries.count_canary(db, at.queue.id):
            return []
        others = [label for label in range(len(at.classes)) if label != known.given_label]
        given = CHANCE.choice(others)
        return queries.add_item(db, at.queue, at.me, known.position, ItemRole.canary, given)

    def _hold_pool(self) -> None:
        # First the pool, then the queue's row: whoever locks both does so in this order.
        hold_pool(self._db, self._at.queue.dataset_id)
        self.holds_pool = True
