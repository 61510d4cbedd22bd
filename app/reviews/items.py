"""Looking at items without claiming them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.datasets.models import Dataset
from app.datasets.service import get_dataset, label_name
from app.paging import cut_page
from app.reviews import item_queries as queries
from app.reviews.blindness import is_blind_to, require_own, require_sight
from app.reviews.item_schemas import ItemView, MineView, OutcomeOut
from app.reviews.models import ItemState, ReviewQueue
from app.reviews.queues import get_queue
from app.reviews.verdicts import item_not_found
from app.scans.errors import ClassUnknown


def get_item(db: Session, caller: Caller, queue_id: UUID, position: int) -> ItemView:
    """An item by its address, with what the caller holds and says of it.

    Raises:
        QueueNotFound, ItemNotFound.
        UnderBlindReview: it is not the caller's, in a dataset that is reviewed blindly.
    """
    queue = get_queue(db, caller, queue_id)
    require_own(db, caller, queue, position)
    row = queries.view(db, queue, position, caller.principal_id)
    if row is None:
        raise item_not_found(position)
    dataset = get_dataset(db, caller, queue.dataset_id)
    mine = None
    if row.my_kind is not None:
        mine = MineView(
            kind=row.my_kind, label=label_name(dataset, row.my_label), value=row.my_value
        )
    return _view(
        caller,
        queue,
        dataset,
        row,
        key=row.key,
        given_target=row.given_target,
        mine=mine,
        expires_at=row.expires_at,
        adjudicates=row.adjudicates,
    )


def list_items(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    *,
    given: str | None = None,
    suggested: str | None = None,
    state: ItemState | None = None,
    after: int | None = None,
    limit: int = 50,
) -> tuple[list[ItemView], str | None]:
    """A queue's items in its order.

    Raises:
        QueueNotFound, ClassUnknown, UnderBlindReview.
    """
    queue = get_queue(db, caller, queue_id)
    require_sight(db, caller, queue.dataset_id)
    dataset = get_dataset(db, caller, queue.dataset_id)
    rows = queries.items_in_order(
        db,
        queue,
        given_label=_index(dataset, given, "given"),
        # Who may not see suggestions does not learn them by asking for them either.
        suggested_label=_index(dataset, suggested, "suggested")
        if _sees_suggestion(caller, queue)
        else None,
        state=state,
        after=after,
        limit=limit + 1,
    )
    page, following = cut_page(rows, limit, lambda row: (row[0].place,))
    items = [
        _view(caller, queue, dataset, item, key=key, given_target=target)
        for item, key, target in page
    ]
    return items, following


def _index(dataset: Dataset, name: str | None, field: str) -> int | None:
    classes = dataset.classes or []
    if name is not None and name not in classes:
        raise ClassUnknown(
            f"The dataset has no class {name!r}.",
            field=field,
            remedy="See the dataset's `classes`.",
        )
    return None if name is None else classes.index(name)


def _sees_suggestion(caller: Caller, queue: ReviewQueue) -> bool:
    return queue.show_suggestion or caller.role.includes(Role.engineer)


def _view(
    caller: Caller,
    queue: ReviewQueue,
    dataset: Dataset,
    item: Any,
    *,
    key: str,
    given_target: float | None,
    **more: Any,
) -> ItemView:
    has_in_hand = more.get("expires_at") is not None
    is_blind = is_blind_to(caller, queue) or (queue.is_blind and has_in_hand)
    shows = _sees_suggestion(caller, queue) and not is_blind
    outcome = None
    if item.outcome is not None:
        outcome = OutcomeOut(
            settled_by=item.settled_by,
            kind=item.outcome,
            label=label_name(dataset, item.outcome_label),
            value=item.outcome_value,
        )
    return ItemView(
        position=item.position,
        key=key,
        role=None if is_blind else item.role,
        place=None if is_blind else item.place,
        given_label=label_name(dataset, item.given_label),
        given_target=given_target,
        suggested_label=label_name(dataset, item.suggested_label) if shows else None,
        suggested_value=item.suggested_value if shows else None,
        priority=None if is_blind else item.priority,
        state=item.state,
        votes=item.votes,
        outcome=outcome,
        **({"mine": None, "expires_at": None, "adjudicates": False} | more),
    )
