"""A change of one item by one person, as one value and one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.reviews import verdict_queries as queries
from app.reviews.announcements import announce_disagreement
from app.reviews.consensus import DISPUTED, Opinion, Settlement, settle
from app.reviews.desks import AtDesk
from app.reviews.models import ItemRole, ItemState, ReviewVerdict, SettledBy, VerdictKind

# These outcomes stand whatever people vote.
OVERRULED_BY = frozenset({SettledBy.adjudication, SettledBy.batch})


@dataclass
class Item:
    """An item under its lock, with what the caller has to do with it."""

    position: int
    place: int
    key: str
    given: Opinion
    seats: int
    votes: int
    state: ItemState
    settled_by: SettledBy | None
    role: ItemRole
    has_claim: bool
    has_adjudication_claim: bool
    vote_id: int | None
    vote_kind: VerdictKind | None
    earlier_id: int | None
    """The verdict that the caller sent with the same token before."""

    @property
    def is_overruled(self) -> bool:
        return self.settled_by in OVERRULED_BY


def lock_item(db: Session, at: AtDesk, position: int, token: UUID) -> Item | None:
    row = queries.lock_item(db, at.queue, position, at.me, token)
    if row is None:
        return None
    return Item(
        position=row.position,
        place=row.place,
        key=row.key,
        given=Opinion(VerdictKind.right, row.given_label, row.given_target),
        seats=row.seats,
        votes=row.votes,
        state=ItemState(row.state),
        settled_by=SettledBy(row.settled_by) if row.settled_by else None,
        role=ItemRole(row.role),
        has_claim=row.claim_adjudicates is False,
        has_adjudication_claim=bool(row.claim_adjudicates),
        vote_id=row.vote_id,
        vote_kind=VerdictKind(row.vote_kind) if row.vote_kind else None,
        earlier_id=row.earlier_id,
    )


@dataclass
class Change:
    """What a verdict does, beside being written into the log."""

    kind: VerdictKind
    opinion: Opinion | None = None
    settlement: Settlement | None = None
    """The item's new state; None leaves it."""
    seats: int = 0
    votes: int = 0
    votes_now: bool = False
    decided: int = 0
    skipped: int = 0
    adjudicates: bool = False
    counted: bool = True
    undoes: int | None = None
    counted_at: datetime | None = None
    """When what is undone was counted; its day's counts change. None: now."""
    seconds: float = 0.0
    """The time that is no longer counted, as less than 0."""
    ends_claim: bool = True
    """The caller's claim goes; a claim to adjudicate only by an adjudication."""
    claims_again: bool = False
    """The caller holds the item afterwards."""


def write(
    db: Session,
    at: AtDesk,
    item: Item,
    change: Change,
    *,
    token: UUID,
    comment: str | None = None,
    seconds: float | None = None,
    import_id: UUID | None = None,
) -> ReviewVerdict:
    """Write a change with its counts and disputes; returns the verdict as it is in the log."""
    new = change.settlement
    state = new.state if new else item.state
    seats = change.seats
    if state is ItemState.open and item.state is not ItemState.open:
        # Nobody holds what was not open, and a verdict may have been taken back since it was.
        seats = at.queue.overlap - change.votes - int(change.claims_again)
    opinion = change.opinion or Opinion(change.kind)
    logged = {
        "position": item.position,
        "kind": change.kind.value,
        "label": opinion.label,
        "value": opinion.value,
        "comment": comment,
        "seconds": seconds,
        "token": token,
        "undoes": change.undoes,
        "adjudicates": change.adjudicates,
        "counted": change.counted,
        "import_id": import_id,
    }
    effects = {
        "votes_now": change.votes_now,
        "ends_claim": change.ends_claim,
        "changes_item": new is not None,
        "seats": seats,
        "votes": change.votes,
        "settled_by": new.settled_by.value if new and new.settled_by else None,
        "outcome": new.outcome.value if new and new.outcome else None,
        "outcome_label": new.label if new else None,
        "outcome_value": new.value if new else None,
        "decided": change.decided,
        "skipped": change.skipped,
        "tally_seconds": (seconds or 0.0) if change.decided > 0 else change.seconds,
        "counted_at": change.counted_at,
        "done": _delta(ItemState.done, item.state, state),
        "disputed": _delta(ItemState.disputed, item.state, state),
        "is_review": _delta(ItemState.done, item.state, state) > 0
        and item.role is not ItemRole.canary,
    }
    where = {"queue": at.queue.id, "dataset": at.queue.dataset_id, "me": at.me}
    written = queries.record(db, where | {"state": state.value} | logged | effects)
    if state is ItemState.disputed and item.state is not ItemState.disputed:
        queries.add_dispute(db, at.queue.id, item.position, item.place)
        if not change.adjudicates:
            announce_disagreement(db, at, item.position, item.key, change.votes)
    was_only_disputed = item.state is ItemState.disputed and not change.adjudicates
    if was_only_disputed and state is not ItemState.disputed:
        queries.drop_dispute(db, at.queue.id, item.position)
    return ReviewVerdict(
        queue_id=at.queue.id,
        principal_id=at.me,
        id=written.id,
        at=written.at,
        item_state=state.value,
        **logged,
    )


def _delta(which: ItemState, before: ItemState, after: ItemState) -> int:
    return int(after is which) - int(before is which)


def settlement_with(
    db: Session, at: AtDesk, item: Item, votes: int, mine: Opinion | None
) -> Settlement:
    """The item's state by all standing verdicts, the caller's being `mine`."""
    if is_with_adjudicator(db, at, item):
        return DISPUTED
    overlap = at.queue.overlap
    if votes < overlap:
        return settle([], overlap)
    known = [] if mine is None else [mine]
    if overlap > 1:
        known = [*known, *queries.opinions(db, at.queue.id, item.position, at.me)]
    return settle(known, overlap, at.queue.tolerance)


def is_with_adjudicator(db: Session, at: AtDesk, item: Item) -> bool:
    """Once an adjudicator has an item in hand, it is theirs to settle."""
    if item.state is not ItemState.disputed:
        return False
    disagreement = queries.dispute(db, at.queue.id, item.position)
    return disagreement is not None and disagreement.is_held
