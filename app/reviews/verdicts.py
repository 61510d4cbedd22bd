"""Deciding: each verdict is written once, whatever happens to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.datasets.service import get_dataset
from app.paging import cut_page
from app.reviews import claim_queries
from app.reviews import verdict_queries as queries
from app.reviews.blindness import is_blind_to, require_own, require_sight
from app.reviews.consensus import Opinion, settled
from app.reviews.desks import AtDesk, sit_down
from app.reviews.errors import (
    ItemNotFound,
    ItemTaken,
    NotDisputed,
    NotInHand,
    TokenReused,
    VerdictInvalid,
)
from app.reviews.item_schemas import HistoryOut, ReleasedOut, VerdictIn, VerdictOut
from app.reviews.models import ItemState, ReviewQueue, ReviewVerdict, SettledBy, VerdictKind
from app.reviews.queues import get_queue, require_open
from app.reviews.writing import Change, Item, lock_item, settlement_with, write


@dataclass(frozen=True)
class Decided:
    """A verdict in the log, and why it decides nothing, if so."""

    verdict: VerdictOut
    taken: ItemTaken | None


def decide(db: Session, caller: Caller, queue_id: UUID, position: int, body: VerdictIn) -> Decided:
    """Write the caller's verdict on an item, or change the one that stands.

    A claim is not needed as long as the item still wants verdicts. If others have filled it, the
    verdict is kept in the log as not counted, and `taken` says so.

    Raises:
        QueueNotFound, ItemNotFound, NotAssigned, NotAdjudicator, ClassUnknown, VerdictInvalid.
        QueueClosed: it is closed, and the caller does not hold the item.
        TokenReused: the token was used for another verdict.
        NotDisputed: nothing is to be adjudicated.
        NotInHand: the queue is blind to the caller, and they do not hold the item.
    """
    at = sit_down(db, caller, queue_id)
    item = _locked(db, at, position, body.token)
    if item.earlier_id is not None:
        return _answer_again(db, at, item, body)
    opinion = opinion_of(at, item, body)
    if not (item.has_claim or item.has_adjudication_claim):
        require_open(at.queue)
    if body.adjudicate:
        at.require_adjudicator()
        change = _adjudication(db, at, item, opinion)
    else:
        at.require_reviewer()
        change = vote(db, at, item, opinion)
    written = write(
        db, at, item, change, token=body.token, comment=body.comment, seconds=body.seconds
    )
    if change.adjudicates and change.settlement:
        queries.change_dispute(
            db, queue_id, position, is_held=False, verdict_id=written.id, decided_by=at.me
        )
    return _decided(at, item, written)


def _locked(db: Session, at: AtDesk, position: int, token: UUID) -> Item:
    item = lock_item(db, at, position, token)
    if is_blind_to(at.caller, at.queue) and not (item and _is_theirs(item)):
        # Whether there is such an item would tell flags from what is drawn.
        raise NotInHand(
            f"You do not hold item {position}, or your claim on it has ended.",
            field="position",
            remedy="In a blind queue people decide what they hold: ask for the next.",
        )
    if item is None:
        raise item_not_found(position)
    return item


def _is_theirs(item: Item) -> bool:
    return (
        item.has_claim
        or item.has_adjudication_claim
        or item.vote_id is not None
        or item.earlier_id is not None
    )


def item_not_found(position: int) -> ItemNotFound:
    return ItemNotFound(
        f"The queue has no item {position}.",
        field="position",
        remedy="Items are named by their example's position in the dataset.",
    )


def _answer_again(db: Session, at: AtDesk, item: Item, body: VerdictIn) -> Decided:
    assert item.earlier_id is not None
    earlier = queries.verdict(db, at.queue.id, at.me, item.earlier_id)
    assert earlier is not None
    first = Opinion(VerdictKind(earlier.kind), earlier.label, earlier.value)
    same = (
        earlier.position == item.position
        and first == opinion_of(at, item, body)
        and earlier.adjudicates == body.adjudicate
    )
    if not same:
        raise token_reused()
    return _decided(at, item, earlier)


def token_reused() -> TokenReused:
    return TokenReused(
        "This token was used before for something else.",
        field="token",
        remedy="Make a new random token for each decision, and repeat it only to retry one.",
    )


def _decided(at: AtDesk, item: Item, verdict: ReviewVerdict) -> Decided:
    out = verdict_out(at.classes, verdict, item.key)
    if verdict.counted:
        return Decided(out, None)
    taken = ItemTaken(
        "Others decided this item while your claim on it had expired.",
        remedy="Go on with the next item. Your verdict is kept in the item's history, "
        "but is not counted.",
        verdict=out.model_dump(mode="json"),
    )
    return Decided(out, taken)


def opinion_of(at: AtDesk, item: Item, body: VerdictIn) -> Opinion:
    """The verdict with its class by number; to relabel to the given label is to call it right."""
    kind = VerdictKind(body.kind)
    if kind is not VerdictKind.relabel:
        for field in ("label", "value"):
            if getattr(body, field) is not None:
                raise VerdictInvalid(
                    f"Only a relabel has a {field}.",
                    field=field,
                    remedy=f"Leave `{field}` out, or say `relabel`.",
                )
        return item.given if kind is VerdictKind.right else Opinion(kind)
    wanted, other = ("value", "label") if at.is_regression else ("label", "value")
    if getattr(body, wanted) is None or getattr(body, other) is not None:
        raise VerdictInvalid(
            f"To relabel in this dataset needs a {wanted}, and no {other}.",
            field=wanted,
            remedy="Name one of the dataset's classes."
            if wanted == "label"
            else "Give the right number.",
        )
    label = None if body.label is None else at.class_index(body.label)
    if label == item.given.label and body.value == item.given.value:
        return item.given
    return Opinion(kind, label, body.value)


def vote(db: Session, at: AtDesk, item: Item, opinion: Opinion) -> Change:
    """What a reviewer's opinion does to an item; not counted if nobody asks for it any more."""
    if item.vote_kind is not None and item.vote_kind is not VerdictKind.skip:
        return _edit(db, at, item, opinion)
    skips_already = int(item.vote_kind is VerdictKind.skip)
    change = Change(opinion.kind, opinion, votes_now=True, seats=item.seats, votes=item.votes)
    if opinion.kind is VerdictKind.skip:
        change.skipped = 1 - skips_already
        if item.has_claim:
            change.settlement = settlement_with(db, at, item, 0, None)
            change.seats += 1
        return change
    if item.state is not ItemState.open or not (item.has_claim or item.seats > 0):
        return Change(opinion.kind, opinion, counted=False)
    change.decided, change.skipped = 1, -skips_already
    change.seats -= int(not item.has_claim)
    change.votes += 1
    change.settlement = settlement_with(db, at, item, change.votes, opinion)
    return change


def _edit(db: Session, at: AtDesk, item: Item, opinion: Opinion) -> Change:
    if opinion.kind is VerdictKind.skip:
        raise VerdictInvalid(
            "You have decided this item.", field="kind", remedy="Undo the verdict to skip it."
        )
    change = Change(opinion.kind, opinion, votes_now=True, seats=item.seats, votes=item.votes)
    if not item.is_overruled:
        change.settlement = settlement_with(db, at, item, item.votes, opinion)
    return change


def _adjudication(db: Session, at: AtDesk, item: Item, opinion: Opinion) -> Change:
    if opinion.kind in (VerdictKind.skip, VerdictKind.unsure):
        raise VerdictInvalid(
            f"An adjudicator settles an item; {opinion.kind.value} does not.",
            field="kind",
            remedy="Decide it, or release it for another adjudicator.",
        )
    disagreement = queries.dispute(db, at.queue.id, item.position)
    if disagreement is None:
        raise NotDisputed(
            "Nobody disagrees on this item.",
            field="adjudicate",
            remedy="Decide it as a reviewer, or ask for the next with `adjudicate`.",
        )
    again = disagreement.verdict_id is not None
    by_another = disagreement.is_held and not item.has_adjudication_claim
    if by_another or (again and disagreement.decided_by != at.me):
        return Change(opinion.kind, opinion, adjudicates=True, counted=False)
    return Change(
        opinion.kind,
        opinion,
        settlement=settled(SettledBy.adjudication, [opinion]),
        votes=item.votes,
        adjudicates=True,
        decided=int(not again),
    )


def take_up_skips(db: Session, caller: Caller, queue_id: UUID) -> ReleasedOut:
    """Take back all of the caller's skips: those items are offered to them again."""
    at = sit_down(db, caller, queue_id)
    require_open(at.queue)
    taken = queries.take_up_skips(db, queue_id, at.me)
    claim_queries.look_from_head(db, queue_id, at.me)
    return ReleasedOut(released=taken)


def list_person_history(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    person: UUID,
    *,
    before: int | None = None,
    limit: int = 50,
) -> tuple[list[HistoryOut], str | None]:
    """What a person did in a queue, the latest first.

    Raises:
        QueueNotFound.
        UnderBlindReview: it is another, in a dataset that is reviewed blindly.
    """
    queue = get_queue(db, caller, queue_id)
    if person != caller.principal_id:
        require_sight(db, caller, queue.dataset_id)
    rows = queries.history_of_person(
        db, queue, person, before=before, limit=limit + 1, told_to=_told_to(caller, queue)
    )
    page, following = cut_page(rows, limit, lambda row: (row.ReviewVerdict.id,))
    return _history(get_dataset(db, caller, queue.dataset_id).classes, page), following


def list_item_history(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    position: int,
    *,
    after: int | None = None,
    limit: int = 50,
) -> tuple[list[HistoryOut], str | None]:
    """All that was decided about an item, the earliest first.

    Raises:
        QueueNotFound, ItemNotFound.
        UnderBlindReview: it is not the caller's, in a dataset that is reviewed blindly.
    """
    queue = get_queue(db, caller, queue_id)
    require_own(db, caller, queue, position)
    if not queries.item_exists(db, queue_id, position):
        raise item_not_found(position)
    rows = queries.history_of_item(
        db, queue, position, after=after, limit=limit + 1, told_to=_told_to(caller, queue)
    )
    page, following = cut_page(rows, limit, lambda row: (row.ReviewVerdict.id,))
    return _history(get_dataset(db, caller, queue.dataset_id).classes, page), following


def sees_all(caller: Caller, queue: ReviewQueue) -> bool:
    """Whether what others said of open items may be told to them: it leads nobody who decides."""
    # What was imported and undone was not drawn.
    is_alone = queue.overlap == 1 and not is_blind_to(caller, queue)
    return is_alone or caller.role.includes(Role.engineer)


def _told_to(caller: Caller, queue: ReviewQueue) -> UUID | None:
    return None if sees_all(caller, queue) else caller.principal_id


def _history(
    classes: list[str] | None, rows: Sequence[Row[ReviewVerdict, str, bool]]
) -> list[HistoryOut]:
    return [
        HistoryOut(
            **verdict_out(classes or [], row.ReviewVerdict, row.key).model_dump(),
            is_undone=row.is_undone,
        )
        for row in rows
    ]


_SHARED = VerdictOut.model_fields.keys() - {"label", "key"}


def verdict_out(classes: list[str], verdict: ReviewVerdict, key: str) -> VerdictOut:
    label = None if verdict.label is None else classes[verdict.label]
    shared = {name: getattr(verdict, name) for name in _SHARED}
    return VerdictOut.model_validate(shared | {"label": label, "key": key})
