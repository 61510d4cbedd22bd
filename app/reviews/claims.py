"""Giving items out, and taking them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.db import now
from app.reviews import claim_queries as queries
from app.reviews import queue_queries
from app.reviews.desks import AtDesk, sit_down
from app.reviews.item_schemas import (
    ClaimOut,
    HolderOut,
    ItemOut,
    NextOut,
    NothingLeft,
    ReleasedOut,
)
from app.reviews.mixing import Mixing
from app.reviews.queues import require_open

MOST_AT_ONCE = 50
_HOLDERS_SHOWN = 100
# Whoever has come to the end looks from the head again, but not at every reload.
_WHOLE_LOOK_EVERY = timedelta(minutes=2)


def next_items(
    db: Session, caller: Caller, queue_id: UUID, *, count: int = 1, adjudicate: bool = False
) -> NextOut:
    """What the caller is to decide now: what they hold already, then the first that is free.

    Args:
        count: how many to hold at once; those after the first are prefetched.
        adjudicate: a disputed item, one at a time.
    Raises:
        QueueNotFound, QueueClosed, NotAssigned, NotAdjudicator.
    """
    at = sit_down(db, caller, queue_id)
    require_open(at.queue)
    if adjudicate:
        at.require_adjudicator()
    else:
        at.require_reviewer()
    if at.has_stale:
        # What is freed is locked: whoever holds the queue could wait for it while this waits for
        # them.
        queue_queries.wait_for_queue(db, queue_id)
        queries.free_stale(db, queue_id)
    mine = queries.claims_of(db, at.queue, at.me) if at.has_claims else []
    held = [row for row in mine if row.adjudicates == adjudicate]
    renewed = {}
    if any(row.ends_soon for row in held):
        renewed = dict(queries.renew(db, at.queue, at.me))
    if at.queue.is_blind:
        # Places tell what was drawn.
        held.sort(key=lambda row: (row.claimed_at, row.position))
    items = [_item(at, row, renewed.get(row.position)) for row in held[:count]]
    if adjudicate:
        taken = [] if items else queries.take_dispute(db, at.queue, at.me)
    else:
        taken = _take(db, at, count - len(items))
    if at.queue.is_blind:
        taken = sorted(taken, key=lambda row: row.position)
        items += [_item(at, row) for row in taken]
    else:
        items += [_item(at, row) for row in taken]
        items.sort(key=lambda item: item.place or 0)
    return NextOut(items=items, nothing_left=None if items else _nothing_left(db, at))


def _take(db: Session, at: AtDesk, wanted: int) -> Sequence[Any]:
    mixing = Mixing(db, at)
    taken = mixing.some_of(wanted)
    while len(taken) < wanted:
        more = queries.take(db, at.queue, at.desk, wanted - len(taken))
        if not more:
            break
        taken += more
    taken += mixing.audits(wanted - len(taken))
    if taken or wanted <= 0:
        return taken
    if mixing.holds_pool:
        return queries.take(db, at.queue, at.desk, 1, whole=True)
    # Whoever changes many items at once holds the queue. Without that a patient look could wait for
    # them while they wait for it.
    queue_queries.wait_for_queue(db, at.queue.id)
    last = at.desk.whole_at
    whole = last is None or last < now() - _WHOLE_LOOK_EVERY
    if whole:
        queries.note_whole_look(db, at.queue.id, at.me)
    return queries.take(db, at.queue, at.desk, 1, patient=True, whole=whole)


def _item(at: AtDesk, row: Any, expires_at: Any = None) -> ItemOut:
    is_blind = at.queue.is_blind
    shows = at.queue.show_suggestion and not is_blind
    return ItemOut(
        position=row.position,
        key=row.key,
        place=None if is_blind else row.place,
        given_label=at.class_name(row.given_label),
        given_target=row.given_target,
        suggested_label=at.class_name(row.suggested_label) if shows else None,
        suggested_value=row.suggested_value if shows else None,
        priority=None if is_blind else row.priority,
        state=row.state,
        votes=row.votes,
        adjudicates=row.adjudicates,
        expires_at=expires_at or row.expires_at,
    )


def _nothing_left(db: Session, at: AtDesk) -> NothingLeft:
    counts = queue_queries.settled_counts(db, [at.queue.id]).get(at.queue.id)
    return NothingLeft(
        held=[
            HolderOut.model_validate(row) for row in queries.holders(db, at.queue, _HOLDERS_SHOWN)
        ],
        held_count=queries.held_count(db, at.queue.id),
        skipped=queries.skipped_count(db, at.queue.id, at.me),
        disputed=counts.disputed if counts else 0,
    )


def renew_claims(db: Session, caller: Caller, queue_id: UUID) -> list[ClaimOut]:
    """Begin the time of all that the caller holds anew. What has expired is not in the answer."""
    at = sit_down(db, caller, queue_id)
    return [
        ClaimOut(position=position, expires_at=expires_at)
        for position, expires_at in queries.renew(db, at.queue, at.me)
    ]


def release_claims(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    position: int | None = None,
    *,
    grace_s: int = 0,
) -> ReleasedOut:
    """Give one item back, or all that the caller holds, so that others get them.

    Args:
        grace_s: not at once, but in so many seconds, unless the caller asks for them again.
    """
    at = sit_down(db, caller, queue_id)
    if grace_s:
        return ReleasedOut(released=queries.end_soon(db, at.queue.id, at.me, position, grace_s))
    queue_queries.wait_for_queue(db, queue_id)
    return ReleasedOut(released=queries.release(db, at.queue.id, at.me, position))
