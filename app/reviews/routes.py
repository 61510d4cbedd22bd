"""What a reviewer does at a queue."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from app.access.guards import Reviewer, Viewer
from app.access.idempotency import OnceOnly
from app.datasets.errors import DatasetNotFound
from app.db import ReadSession, WriteSession
from app.errors import problem_response, problems
from app.paging import PageAfter, PageLimit, decode_cursor, parse_number, parse_position
from app.reviews import claims, items, undoing, verdicts
from app.reviews.errors import (
    ItemNotFound,
    ItemTaken,
    NotAdjudicator,
    NotAssigned,
    NotDisputed,
    NothingToUndo,
    NotInHand,
    QueueClosed,
    QueueNotFound,
    TokenReused,
    UnderBlindReview,
    VerdictInvalid,
)
from app.reviews.item_schemas import (
    ClaimOut,
    HistoryOut,
    ItemView,
    NextOut,
    ReleasedOut,
    UndoIn,
    VerdictIn,
    VerdictOut,
)
from app.reviews.models import ItemState
from app.scans.errors import ClassUnknown
from app.schemas import Page

router = APIRouter(prefix="/queues/{queue_id}", tags=["reviews"])

Position = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.post(
    "/next",
    response_model=NextOut,
    responses=problems(QueueNotFound, QueueClosed, NotAssigned, NotAdjudicator),
)
def next_items(
    queue_id: UUID,
    caller: Reviewer,
    db: WriteSession,
    count: Annotated[
        int, Query(ge=1, le=claims.MOST_AT_ONCE, description="With those to prefetch.")
    ] = 1,
    adjudicate: Annotated[
        bool, Query(description="A disputed item, for adjudicators; one at a time.")
    ] = False,
) -> NextOut:
    """What to decide now, claimed for the caller. Asked again, it gives the same."""
    return claims.next_items(db, caller, queue_id, count=count, adjudicate=adjudicate)


@router.post(
    "/claims/renew",
    response_model=list[ClaimOut],
    responses=problems(QueueNotFound, NotAssigned),
)
def renew_claims(queue_id: UUID, caller: Reviewer, db: WriteSession) -> list[ClaimOut]:
    """Begin the time of all that the caller holds anew."""
    return claims.renew_claims(db, caller, queue_id)


@router.post("/claims/release", response_model=ReleasedOut, responses=problems(QueueNotFound))
def release_claims(
    queue_id: UUID,
    caller: Reviewer,
    db: WriteSession,
    once: OnceOnly,
    position: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Only this item.")
    ] = None,
    grace_s: Annotated[
        int,
        Query(
            ge=0,
            le=60,
            description="Seconds until then, in which asking for the next keeps them: for a page "
            "that is left, but perhaps only to be loaded again.",
        ),
    ] = 0,
) -> ReleasedOut:
    """Give back all that the caller holds, as on leaving the page, or one item."""
    return once.run(
        db,
        caller,
        ReleasedOut,
        lambda: claims.release_claims(db, caller, queue_id, position, grace_s=grace_s),
    )


@router.post(
    "/items/{position}/verdicts",
    status_code=201,
    response_model=VerdictOut,
    responses=problems(
        QueueNotFound,
        ItemNotFound,
        NotAssigned,
        NotAdjudicator,
        ClassUnknown,
        VerdictInvalid,
        QueueClosed,
        TokenReused,
        NotDisputed,
        ItemTaken,
        NotInHand,
    ),
)
def decide(
    queue_id: UUID, position: Position, body: VerdictIn, caller: Reviewer, db: WriteSession
) -> VerdictOut | Response:
    """Decide an item, or change one's verdict.

    If others filled it meanwhile, the answer is a 409, and the verdict is in the item's history
    as not counted.
    """
    decided = verdicts.decide(db, caller, queue_id, position, body)
    if decided.taken is not None:
        # Not raised: the verdict is to be kept.
        return problem_response(decided.taken.as_problem())
    return decided.verdict


@router.post(
    "/undo",
    response_model=list[VerdictOut],
    responses=problems(
        QueueNotFound, QueueClosed, NotAssigned, NotAdjudicator, TokenReused, NothingToUndo
    ),
)
def undo(queue_id: UUID, body: UndoIn, caller: Reviewer, db: WriteSession) -> list[VerdictOut]:
    """Take the caller's latest verdicts back, or one of them, and claim their items again.

    The answer has what was taken back, the latest first.
    """
    return undoing.undo(db, caller, queue_id, body)


@router.post(
    "/skips/take-up", response_model=ReleasedOut, responses=problems(QueueNotFound, QueueClosed)
)
def take_up_skips(queue_id: UUID, caller: Reviewer, db: WriteSession) -> ReleasedOut:
    """Take back all of the caller's skips: those items come again."""
    return verdicts.take_up_skips(db, caller, queue_id)


@router.get(
    "/verdicts",
    response_model=Page[HistoryOut],
    responses=problems(QueueNotFound, UnderBlindReview),
)
def list_person_history(
    queue_id: UUID,
    caller: Viewer,
    db: ReadSession,
    principal_id: Annotated[
        UUID | None, Query(description="Whose; without it, the caller's own.")
    ] = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[HistoryOut]:
    """What a person decided, the latest first.

    Where several decide each item, reviewers and viewers are told what others said of an item once
    it is settled or disputed, or they have decided it themselves. Of a dataset that is reviewed
    blindly reviewers see their own verdicts alone.
    """
    cursor = decode_cursor(after, parse_number)
    found, following = verdicts.list_person_history(
        db,
        caller,
        queue_id,
        principal_id or caller.principal_id,
        before=cursor[0] if cursor else None,
        limit=limit,
    )
    return Page(items=found, next=following)


@router.get(
    "/items/{position}/verdicts",
    response_model=Page[HistoryOut],
    responses=problems(QueueNotFound, ItemNotFound, DatasetNotFound, UnderBlindReview),
)
def list_item_history(
    queue_id: UUID,
    position: Position,
    caller: Viewer,
    db: ReadSession,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[HistoryOut]:
    """All that was decided about an item, the earliest first, as far as it is told to the caller.

    What is told to whom: see the verdicts of a person.
    """
    cursor = decode_cursor(after, parse_number)
    found, following = verdicts.list_item_history(
        db, caller, queue_id, position, after=cursor[0] if cursor else None, limit=limit
    )
    return Page(items=found, next=following)


@router.get(
    "/items",
    response_model=Page[ItemView],
    responses=problems(QueueNotFound, ClassUnknown, UnderBlindReview),
)
def list_items(
    queue_id: UUID,
    caller: Viewer,
    db: ReadSession,
    given: Annotated[str | None, Query(description="Only those given this class.")] = None,
    suggested: Annotated[
        str | None,
        Query(description="Only those with this suggestion; ignored where it is not shown."),
    ] = None,
    state: ItemState | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[ItemView]:
    """The queue's items in its order."""
    cursor = decode_cursor(after, parse_position)
    found, following = items.list_items(
        db,
        caller,
        queue_id,
        given=given,
        suggested=suggested,
        state=state,
        after=cursor[0] if cursor else None,
        limit=limit,
    )
    return Page(items=found, next=following)


@router.get(
    "/items/{position}",
    response_model=ItemView,
    responses=problems(QueueNotFound, ItemNotFound, UnderBlindReview),
)
def get_item(queue_id: UUID, position: Position, caller: Viewer, db: ReadSession) -> ItemView:
    """An item by its address, with what the caller holds and says of it."""
    return items.get_item(db, caller, queue_id, position)
