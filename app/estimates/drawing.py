"""Drawing audits: each uniform among the examples that nobody has reviewed at that moment.

A draw and a verdict that settles an item never cross (see `AuditPool`), so what is recorded of a
draw is exact: how many it was drawn among, and what had been reviewed before it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.estimates import draw_queries as queries

POOL_KEY = queries.POOL_KEY
_TRIES = 64


@dataclass(frozen=True)
class Drawn:
    number: int
    position: int


def make_pool(db: Session, dataset_id: UUID) -> None:
    """From now on it is known what was reviewed of the dataset when. Costs nothing twice."""
    queries.add_pool(db, dataset_id)


def has_pool(db: Session, dataset_id: UUID) -> bool:
    """Whether audits are drawn of the dataset. For whoever came to one of its queues that stays."""
    return queries.has_pool(db, dataset_id)


def share_pool(db: Session, dataset_id: UUID) -> None:
    """Wait until nobody draws, and let nobody until the transaction ends."""
    queries.share_pool(db, dataset_id)


def hold_pool(db: Session, dataset_id: UUID) -> None:
    """Wait until nobody else draws or settles, and keep it so.

    Whoever holds a pool may wait for no item any more: those who hold items wait for the pool.
    """
    draws = queries.lock_pool(db, dataset_id)
    assert draws is not None, "a queue with audits has a pool"


def draw(db: Session, dataset_id: UUID, queue_id: UUID, chance: random.Random) -> Drawn | None:
    """Draw an example for a queue, and record with what probability.

    The pool is held until the transaction ends.

    Returns:
        None if every example is reviewed or drawn.
    """
    hold_pool(db, dataset_id)
    pool = queries.counts(db, dataset_id)
    unreviewed = pool.examples - pool.reviewed - pool.pending
    if unreviewed <= 0:
        return None
    # Of uniform tries the first that is in the pool is uniform there, and mostly there is one, for
    # most is unreviewed; so is any by its index, which takes a while to find.
    tries = [chance.randrange(pool.examples) for _ in range(_TRIES)]
    position = queries.first_in_pool(db, dataset_id, tries)
    if position is None:
        position = queries.in_pool_at(db, dataset_id, chance.randrange(unreviewed))
    return Drawn(queries.record(db, dataset_id, queue_id, position, unreviewed), position)
