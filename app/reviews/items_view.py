"""A queue's items as cards: what was given, what became of each, and who says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import number, real
from app.dashboard.frame import project_url, with_query
from app.datasets.models import Dataset, Modality
from app.datasets.service import label_name
from app.datasets.shown import Shown, shown_examples
from app.errors import ProblemError
from app.paging import cut_page, decode_cursor, parse_position
from app.reviews import outcome_queries as queries
from app.reviews.models import ItemState, ReviewItem, ReviewQueue, SettledBy, VerdictKind
from app.scans.results import Results

_IN_A_PAGE = {Modality.image: 48, Modality.text: 20, Modality.table: 20}
_LONGEST_TEXT = 420
_MOST_CELLS = 12


class Which(StrEnum):
    """Which items are listed."""

    all = "all"
    wrong = "wrong"
    right = "right"
    unusable = "unusable"
    disputed = "disputed"


WHICH_NAMES = {
    Which.all: "all",
    Which.wrong: "wrong labels",
    Which.right: "right",
    Which.unusable: "not usable",
    Which.disputed: "disputed",
}
_OUTCOMES = {
    Which.wrong: VerdictKind.relabel,
    Which.right: VerdictKind.right,
    Which.unusable: VerdictKind.unusable,
}


@dataclass(frozen=True)
class ItemListing:
    """A filter and a page of a queue's items: the address says it all."""

    which: Which = Which.all
    given: str | None = None
    verdict: str | None = None
    suggested: str | None = None
    after: str | None = None

    def url(self, base: str) -> str:
        which = None if self.which is Which.all else self.which.value
        return with_query(
            f"{base}/items",
            which=which,
            given=self.given,
            verdict=self.verdict,
            suggested=self.suggested,
            after=self.after,
        )

    def but(self, **changes: Any) -> ItemListing:
        """The same with some parts changed; another filter begins at its first page."""
        return replace(self, **({"after": None} | changes))


_Class = Annotated[str | None, Query(max_length=500)]


def _listing(
    which: Which = Which.all,
    given: _Class = None,
    verdict: _Class = None,
    suggested: _Class = None,
    after: str | None = None,
) -> ItemListing:
    # A form without scripts sends what was not chosen as an empty text.
    return ItemListing(which, given or None, verdict or None, suggested or None, after or None)


AskedItems = Annotated[ItemListing, Depends(_listing)]


@dataclass(frozen=True)
class ItemCard:
    url: str
    name: str
    key: str
    shown: Shown
    given: str
    becomes: str | None
    """What it was relabelled to, or what is suggested while it is open."""
    is_wrong: bool
    state: str
    """A class of the style sheet."""
    words: str
    says: list[str]
    """Who decided what."""
    place: str


def list_items(
    db: Session, caller: Caller, queue: ReviewQueue, found: Results, asked: ItemListing, base: str
) -> tuple[list[ItemCard], str | None]:
    """A page of items, in four statements.

    Raises:
        ClassUnknown, CursorInvalid.
    """
    cursor = decode_cursor(asked.after, parse_position)
    after = cursor[0] if cursor else None
    limit = _IN_A_PAGE[Modality(found.dataset.modality or Modality.table)]
    if asked.which is Which.disputed:
        rows = queries.disputed_page(db, queue, after=after, limit=limit + 1)
    else:
        rows = queries.items_page(
            db,
            queue,
            outcome=_OUTCOMES.get(asked.which),
            given=found.label_index(asked.given, "given"),
            outcome_label=found.label_index(asked.verdict, "verdict"),
            suggested=found.label_index(asked.suggested, "suggested"),
            after=after,
            limit=limit + 1,
        )
    page, following = cut_page(rows, limit, lambda row: (row.ReviewItem.place,))
    return item_cards(db, caller, queue, found.dataset, page, base), following


def disputed_cards(
    db: Session, caller: Caller, queue: ReviewQueue, dataset: Dataset, base: str, limit: int
) -> list[ItemCard]:
    """The first that wait for an adjudicator."""
    rows = queries.disputed_page(db, queue, limit=limit)
    return item_cards(db, caller, queue, dataset, rows, base)


def item_cards(
    db: Session,
    caller: Caller,
    queue: ReviewQueue,
    dataset: Dataset,
    rows: Sequence[Any],
    base: str,
) -> list[ItemCard]:
    positions = [row.ReviewItem.position for row in rows]
    shown = shown_or_not(caller, dataset, positions)
    says = _says(db, queue.id, dataset, positions) if positions else {}
    return [
        _card(queue, dataset, row, view, says.get(row.ReviewItem.position, []), base)
        for row, view in zip(rows, shown, strict=True)
    ]


def shown_or_not(caller: Caller, dataset: Dataset, positions: Sequence[int]) -> list[Shown]:
    """What to show of each example; words instead where its content cannot be read."""
    try:
        return shown_examples(
            dataset,
            project_url(caller),
            positions,
            longest_text=_LONGEST_TEXT,
            most_cells=_MOST_CELLS,
        )
    except ProblemError:
        return [Shown(text="(its content cannot be read just now)")] * len(positions)


def _says(
    db: Session, queue_id: UUID, dataset: Dataset, positions: Sequence[int]
) -> dict[int, list[str]]:
    said: dict[int, list[str]] = defaultdict(list)
    for row in queries.votes_on(db, queue_id, positions):
        said[row.position].append(f"{row.name}: {verdict_text(dataset, row)}")
    return said


def verdict_text(dataset: Dataset, row: Any) -> str:
    """What a verdict says: a label, a number, or its kind."""
    label = label_name(dataset, row.label)
    if label is not None:
        return label
    if row.value is not None:
        return real(row.value)
    return KIND_WORDS[VerdictKind(row.kind)]


KIND_WORDS = {
    VerdictKind.right: "label is right",
    VerdictKind.relabel: "relabel",
    VerdictKind.unusable: "not usable",
    VerdictKind.unsure: "unsure",
    VerdictKind.skip: "skip",
    VerdictKind.undo: "taken back",
}
_BY = {
    SettledBy.consensus: "",
    SettledBy.adjudication: " by an adjudicator",
    SettledBy.batch: " in a batch",
}


def given_text(dataset: Dataset, label: int | None, target: float | None) -> str:
    name = label_name(dataset, label)
    return real(target) if name is None else name


def _card(
    queue: ReviewQueue,
    dataset: Dataset,
    row: Any,
    shown: Shown,
    says: list[str],
    base: str,
) -> ItemCard:
    item: ReviewItem = row.ReviewItem
    is_wrong = item.outcome == VerdictKind.relabel
    becomes = None
    if is_wrong:
        becomes = given_text(dataset, item.outcome_label, item.outcome_value)
    elif item.state != ItemState.done and queue.show_suggestion:
        suggested = given_text(dataset, item.suggested_label, item.suggested_value)
        has_one = item.suggested_label is not None or item.suggested_value is not None
        becomes = suggested if has_one else None
    return ItemCard(
        url=f"{base}/items/{item.position}",
        name=row.key,
        key=row.key,
        shown=shown,
        given=given_text(dataset, item.given_label, row.given_target),
        becomes=becomes,
        is_wrong=is_wrong,
        state=_state_class(item),
        words=_state_words(item),
        # Whoever decides an open item must not see what others said of it.
        says=[] if item.state == ItemState.open else says,
        place=f"#{number(item.place)}" if item.place > 0 else "drawn at random",
    )


def _state_class(item: ReviewItem) -> str:
    if item.state == ItemState.disputed:
        return "suspect"
    if item.state == ItemState.open:
        return "queued"
    return {"right": "complete", "relabel": "failed"}.get(item.outcome or "", "")


def _state_words(item: ReviewItem) -> str:
    if item.state == ItemState.disputed:
        return "disputed"
    if item.state == ItemState.open:
        return "open"
    by = _BY[SettledBy(item.settled_by)] if item.settled_by else ""
    words = {"right": "label is right", "relabel": "relabelled", "unusable": "not usable"}
    return words.get(item.outcome or "", "settled") + by
