"""The ranked examples of a scan as cards, and the controls that choose them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.charts import share_bar
from app.dashboard.formatting import number, plural, real, unbroken
from app.dashboard.frame import project_url
from app.datasets.models import Modality, Task
from app.datasets.shown import Shown, shown_examples
from app.scans import results, words
from app.scans.listing import ORDER_NAMES, Listing, Which, orders
from app.scans.results import Results
from app.scans.schemas import FlagOut, Order, ScoreOut

_IN_A_PAGE = {Modality.image: 48, Modality.text: 20, Modality.table: 20}
_LONGEST_TEXT = 420
_MOST_CELLS = 12


@dataclass(frozen=True)
class Card:
    """An example in a list."""

    url: str
    name: str
    key: str
    shown: Shown
    given: str
    suggested: str | None
    is_flagged: bool
    bar: Markup
    reason: str
    number: str
    number_words: str


@dataclass(frozen=True)
class Tab:
    name: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class Chip:
    """A filter in force; its link takes it away."""

    name: str
    url: str


@dataclass(frozen=True)
class Gallery:
    url: str
    listing: Listing
    heading: str
    modality: str
    classes: list[str]
    orders: list[tuple[str, str]]
    tabs: list[Tab]
    chips: list[Chip]
    cards: list[Card]
    nothing: str
    first_url: str | None
    next_url: str | None


def gallery(db: Session, caller: Caller, found: Results, listing: Listing, url: str) -> Gallery:
    """A page of a scan's examples.

    Raises:
        ClassUnknown, CursorInvalid.
    """
    dataset = found.dataset
    modality = Modality(dataset.modality or Modality.table)
    items, following = _read(db, found, listing, in_a_page(found))
    cards = example_cards(db, caller, found, items, listing, url)
    is_classification = dataset.task == Task.classification
    return Gallery(
        url=url,
        listing=listing,
        heading=_heading(listing),
        modality=modality.value,
        classes=dataset.classes or [],
        orders=orders(is_classification),
        tabs=_tabs(found, listing, url),
        chips=_chips(listing, url),
        cards=cards,
        nothing=_nothing(listing),
        first_url=f"{url}{listing.but().query}#examples" if listing.after else None,
        next_url=f"{url}{listing.but(after=following).query}#examples" if following else None,
    )


def in_a_page(found: Results) -> int:
    """How many cards a page has."""
    return _IN_A_PAGE[Modality(found.dataset.modality or Modality.table)]


def example_cards(
    db: Session,
    caller: Caller,
    found: Results,
    items: Sequence[ScoreOut | FlagOut],
    listing: Listing,
    url: str,
) -> list[Card]:
    """Cards of examples, each leading to its page in a listing of the scan at `url`."""
    shown = shown_examples(
        found.dataset,
        project_url(caller),
        [item.position for item in items],
        longest_text=_LONGEST_TEXT,
        most_cells=_MOST_CELLS,
    )
    ranked = found.scan.example_count - ((found.scan.summary or {}).get("non_finite") or 0)
    flags = results.flags_of(db, found, [item for item in items if isinstance(item, ScoreOut)])
    return [
        _card(item, flags.get(item.position), view, ranked, listing, url)
        for item, view in zip(items, shown, strict=True)
    ]


def _read(
    db: Session, found: Results, listing: Listing, limit: int
) -> tuple[Sequence[ScoreOut | FlagOut], str | None]:
    if listing.which is Which.flagged and listing.order is Order.rank:
        return results.list_flags(
            db,
            found,
            label=listing.label,
            suggested=listing.suggested,
            after=listing.after,
            limit=limit,
        )
    not_finite = listing.which is Which.not_finite
    return results.list_scores(
        db,
        found,
        # What is not finite has no rank: it is listed by position.
        order=Order.position if not_finite else listing.order,
        label=listing.label,
        predicted=listing.suggested,
        finite=False if not_finite else None,
        flagged=True if listing.which is Which.flagged else None,
        after=listing.after,
        limit=limit,
    )


def _card(
    item: ScoreOut | FlagOut,
    flag: FlagOut | None,
    shown: Shown,
    ranked: int,
    listing: Listing,
    url: str,
) -> Card:
    flag = item if isinstance(item, FlagOut) else flag
    rank, suspicion = item.rank, item.suspicion
    figure = f"#{number(rank)}" if rank else "not ranked"
    figure_words = "rank"
    if suspicion is not None:
        figure_words = f"rank {rank}, suspicion {real(suspicion)}"
    if isinstance(item, ScoreOut) and listing.order not in (Order.rank, Order.position):
        figure = real(getattr(item, listing.order.value))
        figure_words = f"{ORDER_NAMES[listing.order]}; {figure_words}"
    return Card(
        url=f"{url}/examples/{item.position}{listing.query}",
        name=item.key,
        key=item.key,
        shown=shown,
        given=given_text(item),
        suggested=suggested_text(item, flag),
        is_flagged=flag is not None,
        bar=share_bar(suspicion or 0.0),
        reason=unbroken(flag.reason) if flag else words.suspicion_words(rank, suspicion, ranked),
        number=figure,
        number_words=figure_words,
    )


def given_text(item: ScoreOut | FlagOut) -> str:
    return item.given_label if item.given_label is not None else real(item.given_target)


def suggested_text(item: ScoreOut | FlagOut, flag: FlagOut | None) -> str | None:
    """What the model says instead; None if it agrees with the given label."""
    if flag is not None:
        if flag.suggested_label is not None or flag.suggested_value is None:
            return flag.suggested_label
        return real(flag.suggested_value)
    if isinstance(item, ScoreOut):
        if item.given_label is None:
            return None if item.predicted_value is None else real(item.predicted_value)
        return item.predicted_label if item.predicted_label != item.given_label else None
    return None


def _heading(listing: Listing) -> str:
    match listing.which:
        case Which.flagged:
            return "Examples whose label is likely wrong"
        case Which.all:
            return "All examples"
        case _:
            return "Examples whose scores are not finite"


def _nothing(listing: Listing) -> str:
    if listing.after:
        return "There are no more examples."
    if listing.label is not None or listing.suggested is not None:
        return "No example fits this filter."
    if listing.which is Which.flagged:
        return "The scan flagged no example."
    if listing.which is Which.not_finite:
        return "The scores of all examples are finite."
    return "The scan has no examples."


def _tabs(found: Results, listing: Listing, url: str) -> list[Tab]:
    non_finite = (found.scan.summary or {}).get("non_finite") or 0
    choices = [
        (Which.flagged, plural(found.scan.flagged_count or 0, "flagged", "flagged")),
        (Which.all, f"all {number(found.scan.example_count)}"),
    ]
    if non_finite or listing.which is Which.not_finite:
        choices.append((Which.not_finite, f"{non_finite} not finite"))
    return [
        Tab(name, f"{url}{listing.but(which=which).query}#examples", which is listing.which)
        for which, name in choices
    ]


def _chips(listing: Listing, url: str) -> list[Chip]:
    chips = []
    says = "suggested" if listing.which is Which.flagged else "model says"
    if listing.label is not None:
        chips.append((f"given {listing.label}", listing.but(label=None)))
    if listing.suggested is not None:
        chips.append((f"{says} {listing.suggested}", listing.but(suggested=None)))
    if listing.order is not Order.rank:
        chips.append((f"by {ORDER_NAMES[listing.order]}", listing.but(order=Order.rank)))
    return [Chip(name, f"{url}{rest.query}#examples") for name, rest in chips]
