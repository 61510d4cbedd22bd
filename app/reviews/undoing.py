"""Taking verdicts back, step by step: each step is a new row of the log."""

from __future__ import annotations

from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.datasets.service import get_dataset
from app.reviews import verdict_queries as queries
from app.reviews.consensus import DISPUTED, OPEN, Opinion, settled
from app.reviews.desks import AtDesk, sit_down
from app.reviews.errors import NothingToUndo
from app.reviews.item_schemas import UndoIn, VerdictOut
from app.reviews.models import ItemState, ReviewVerdict, SettledBy, VerdictKind
from app.reviews.queue_queries import wait_for_queue
from app.reviews.queues import require_open
from app.reviews.verdicts import token_reused, verdict_out
from app.reviews.writing import Change, Item, is_with_adjudicator, lock_item, settlement_with, write


def undo(db: Session, caller: Caller, queue_id: UUID, body: UndoIn) -> list[VerdictOut]:
    """Take back the caller's latest verdicts, or one, and give them their items to decide anew.

    Batches are not among them. Fewer are taken back if there are fewer.

    Returns:
        The verdicts taken back, the latest first.
    Raises:
        QueueNotFound, QueueClosed, TokenReused.
        NotAssigned, NotAdjudicator: they may not decide anew what they would take back.
        NothingToUndo: there is none.
    """
    at = sit_down(db, caller, queue_id)
    tokens = [
        body.token if step == 0 else uuid5(body.token, str(step)) for step in range(body.steps)
    ]
    undone = _undone_before(db, at, tokens)
    if not undone:
        require_open(at.queue)
        wait_for_queue(db, queue_id)
        standing = queries.standing(db, queue_id, at.me, body.steps, of=body.of)
        for verdict in standing:
            if verdict.adjudicates:
                at.require_adjudicator()
            else:
                at.require_reviewer()
        queries.lock_items(db, queue_id, [verdict.position for verdict in standing])
        undone = [
            (verdict, undo_one(db, at, verdict, token))
            for verdict, token in zip(standing, tokens, strict=False)
        ]
    if not undone:
        raise NothingToUndo(
            "You have decided nothing in this queue that could be undone."
            if body.of is None
            else "No verdict of yours with that token stands.",
            remedy="A batch is undone as a batch.",
        )
    classes = get_dataset(db, caller, at.queue.dataset_id).classes or []
    return [verdict_out(classes, verdict, key) for verdict, key in undone]


def _undone_before(db: Session, at: AtDesk, tokens: list[UUID]) -> list[tuple[ReviewVerdict, str]]:
    """What a request with these tokens took back when it came first. Raises TokenReused."""
    undone = []
    for row in queries.verdicts_by_token(db, at.queue.id, at.me, tokens):
        if row.undoes is None:
            raise token_reused()
        verdict = queries.verdict(db, at.queue.id, at.me, row.undoes)
        if verdict is not None:
            undone.append((verdict, queries.key_of(db, at.queue, verdict.position)))
    return undone


def undo_one(
    db: Session, at: AtDesk, last: ReviewVerdict, token: UUID, *, holds: bool = True
) -> str:
    """Take a verdict back; returns its example's key.

    Args:
        holds: whoever gave it holds the item afterwards, to decide it anew.
    """
    item = lock_item(db, at, last.position, token)
    assert item is not None
    if not last.counted:
        change = Change(VerdictKind.undo)
    elif last.adjudicates:
        change = _undo_adjudication(db, at, item, last)
    elif item.vote_id != last.id:
        # An edit of a verdict that was taken up again in other ways: nothing stands on it.
        change = Change(VerdictKind.undo)
    else:
        change = _undo_vote(db, at, item, last)
    change.undoes = last.id
    if change.decided < 0:
        change.counted_at, change.seconds = last.at, -(last.seconds or 0.0)
    # What is held by now was taken after that verdict.
    change.ends_claim = False
    if change.claims_again and not holds:
        change.claims_again = False
        change.seats += 1
    write(db, at, item, change, token=token)
    if change.claims_again:
        queries.put_claim(db, at.queue, at.me, item.position, adjudicates=last.adjudicates)
    return item.key


def _undo_adjudication(db: Session, at: AtDesk, item: Item, last: ReviewVerdict) -> Change:
    earlier = queries.standing_before(db, last, adjudicates=True)
    change = Change(VerdictKind.undo, votes=item.votes, adjudicates=True)
    if earlier is not None:
        opinion = Opinion(VerdictKind(earlier.kind), earlier.label, earlier.value)
        change.settlement = settled(SettledBy.adjudication, [opinion])
    else:
        change.settlement = DISPUTED
        change.decided = -1
        change.claims_again = True
    queries.change_dispute(
        db,
        at.queue.id,
        item.position,
        is_held=earlier is None,
        verdict_id=earlier.id if earlier else None,
        decided_by=at.me if earlier else None,
    )
    return change


def _undo_vote(db: Session, at: AtDesk, item: Item, last: ReviewVerdict) -> Change:
    earlier = queries.standing_before(db, last)
    if earlier is not None:
        return _restore(db, at, item, last, earlier)
    queries.drop_vote(db, at.queue.id, at.me, item.position)
    change = Change(VerdictKind.undo, seats=item.seats, votes=item.votes)
    if last.kind == VerdictKind.skip:
        change.skipped = -1
        if item.state is ItemState.open and item.seats > 0:
            change.settlement = OPEN
            change.seats -= 1
            change.claims_again = True
        return change
    change.decided = -1
    change.votes -= 1
    if item.is_overruled:
        change.settlement = queries.settlement_of(db, at.queue.id, item.position)
    elif is_with_adjudicator(db, at, item):
        change.settlement = DISPUTED
    else:
        # The seat of the vote becomes a claim.
        change.settlement = OPEN
        change.claims_again = True
    return change


def _restore(
    db: Session, at: AtDesk, item: Item, last: ReviewVerdict, earlier: ReviewVerdict
) -> Change:
    """An edit is taken back: the verdict before it stands again."""
    queries.put_vote(db, at.queue.id, at.me, earlier)
    change = Change(VerdictKind.undo, seats=item.seats, votes=item.votes)
    was_skip, is_skip = last.kind == VerdictKind.skip, earlier.kind == VerdictKind.skip
    if was_skip and is_skip:
        return change
    if is_skip:
        change.decided, change.skipped = -1, 1
        change.votes -= 1
        if item.is_overruled:
            change.settlement = queries.settlement_of(db, at.queue.id, item.position)
        elif is_with_adjudicator(db, at, item):
            change.settlement = DISPUTED
        else:
            change.settlement = OPEN
            change.seats += 1
        return change
    if not item.is_overruled:
        opinion = Opinion(VerdictKind(earlier.kind), earlier.label, earlier.value)
        change.settlement = settlement_with(db, at, item, item.votes, opinion)
    return change
