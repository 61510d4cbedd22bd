"""What the page for looking around in a scan shows: ready values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.dashboard.formatting import number, plural, shortened
from app.dashboard.frame import project_url, with_query
from app.datasets.models import Modality
from app.errors import ProblemError
from app.explore.colours import Colour, colours_of
from app.scans.gallery import Card, Chip, example_cards, in_a_page
from app.scans.listing import Listing, Which
from app.scans.region_address import AskedRegion, pairs_of, query_of
from app.scans.region_schemas import RegionIn, RegionOut, Scale
from app.scans.regions import LOGARITHMIC, axes_of, region_page
from app.scans.results import Results, list_scores
from app.scans.views import dataset_title, scan_url
from app.scans.words import AXIS_NAMES, range_words

_MOST_FOR_A_PAGE = 100_000


@dataclass(frozen=True)
class AxisChoice:
    """One axis' controls."""

    field: str
    says: str
    name: str
    current: str
    is_log: bool
    may_be_log: bool
    low: str
    high: str
    """As typed, right or wrong."""


@dataclass(frozen=True)
class Selected:
    """The gallery beside the scatter."""

    heading: str
    words: str
    modality: str
    cards: list[Card]
    first_url: str | None
    next_url: str | None
    queue_url: str | None


@dataclass(frozen=True)
class ExploreView:
    url: str
    title: str
    facts: list[str]
    scan_url: str
    plot_title: str
    points_url: str
    pictures_url: str | None
    """Where `/{position}/image` is the picture of each example."""
    axes: list[AxisChoice]
    axis_options: list[tuple[str, str]]
    colours: list[Colour]
    colour: Colour
    classes: list[str]
    asked: AskedRegion
    axes_fields: list[tuple[str, str]]
    """What the form of the axes keeps: the filter."""
    region_fields: list[tuple[str, str]]
    """What the form of ranges and filter keeps: axes and shapes."""
    chips: list[Chip]
    clear_url: str
    selected: Selected | None
    later_url: str | None
    """Where the selection is to be had, if it takes a moment."""
    problem: dict[str, Any] | None


def explore_view(
    db: Session,
    caller: Caller,
    found: Results,
    asked: AskedRegion,
    *,
    colour: str,
    after: str | None,
    now: bool,
) -> ExploreView:
    """The page of a scatter and what is selected in it.

    Args:
        colour: `flagged`, `given` or the id of a queue.
        now: read the selection even if that takes a moment.
    Raises:
        RegionInvalid: there is no such axis or colour.
    """
    axes = asked.axes(found)
    url = f"{scan_url(caller, found.scan)}/explore"
    colours = colours_of(db, caller, found)
    chosen = next((each for each in colours if each.value == colour), colours[0])
    kept = [] if chosen is colours[0] else [("colour", chosen.value)]
    selected, problem, region, later = None, None, axes, None
    try:
        region = asked.region(found)
        is_slow = found.scan.example_count > _MOST_FOR_A_PAGE and not now
        if is_slow and (region.has_shape or region.has_filter):
            later = _url(url, region, kept, after=after, now="yes")
        else:
            selected = _selected(db, caller, found, region, url, kept, after)
    except ProblemError as error:
        region, problem = axes, error.as_problem()
    title = f"{AXIS_NAMES[region.y]} against {AXIS_NAMES[region.x]}"
    shapes = [pair for pair in pairs_of(region) if pair[0] in ("polygon", "position")]
    return ExploreView(
        url=url,
        title=dataset_title(found.dataset),
        facts=[plural(found.scan.example_count, "example")],
        scan_url=scan_url(caller, found.scan),
        plot_title=f"{title[0].upper()}{title[1:]}",
        points_url=_points_url(caller, found, region, chosen),
        pictures_url=f"{project_url(caller)}/datasets/{found.dataset.id}/examples"
        if found.dataset.modality == Modality.image
        else None,
        axes=[_axis("x", "across", region, asked), _axis("y", "upwards", region, asked)],
        axis_options=[(axis.value, AXIS_NAMES[axis]) for axis in axes_of(found)],
        colours=colours,
        colour=chosen,
        classes=found.dataset.classes or [],
        asked=asked,
        axes_fields=_filter_fields(region),
        region_fields=[*pairs_of(axes), *shapes, *kept],
        chips=_chips(url, region, kept),
        clear_url=_url(url, _without_shape(region), kept),
        selected=selected,
        later_url=later,
        problem=problem,
    )


def _axis(field: str, says: str, region: RegionIn, asked: AskedRegion) -> AxisChoice:
    axis = getattr(region, field)
    return AxisChoice(
        field=field,
        says=says,
        name=AXIS_NAMES[axis],
        current=axis.value,
        is_log=getattr(region, f"{field}_scale") is Scale.log,
        may_be_log=axis in LOGARITHMIC,
        low=getattr(asked, f"{field}_from"),
        high=getattr(asked, f"{field}_to"),
    )


def _selected(
    db: Session,
    caller: Caller,
    found: Results,
    region: RegionIn,
    url: str,
    kept: list[tuple[str, str]],
    after: str | None,
) -> Selected:
    limit = in_a_page(found)
    if region.has_shape or region.has_filter:
        page = region_page(db, found, region, after=after, limit=limit)
        heading = f"{plural(page.count, 'example')} selected" if page.count else "No example here"
        words = "The most suspicious first." if page.count else _nothing(region)
    else:
        items, following = list_scores(db, found, after=after, limit=limit)
        page = RegionOut(count=found.scan.example_count, items=items, next=following)
        heading = f"All {plural(page.count, 'example')}"
        words = "The most suspicious first. Select some in the scatter to see them here."
    may_make = caller.role.includes(Role.engineer) and page.count > 0
    is_some = region.has_shape or region.has_filter
    return Selected(
        heading=heading,
        words=words,
        modality=Modality(found.dataset.modality or Modality.table).value,
        cards=example_cards(
            db, caller, found, page.items, Listing(which=Which.all), scan_url(caller, found.scan)
        ),
        first_url=_url(url, region, kept) + "#selection" if after else None,
        next_url=_url(url, region, kept, after=page.next) + "#selection" if page.next else None,
        queue_url=f"{project_url(caller)}/queues/new?scan={found.scan.id}&{query_of(region)}"
        if may_make and is_some
        else None,
    )


def _nothing(region: RegionIn) -> str:
    if region.has_filter and region.has_shape:
        return "Nothing in this region fits the filter. Take the filter or the region away."
    if region.has_shape:
        return "No example lies in this region. Draw it larger, or take it away."
    return "No example fits this filter."


def _url(url: str, region: RegionIn, kept: list[tuple[str, str]], **more: str | None) -> str:
    others = [(name, value) for name, value in more.items() if value]
    return f"{url}?{urlencode([*pairs_of(region), *kept, *others])}"


def _points_url(caller: Caller, found: Results, region: RegionIn, colour: Colour) -> str:
    shapeless = _without_shape(region)
    pairs = dict(pairs_of(shapeless))
    pairs |= {"flagged": "true"} if "flagged" in pairs else {}
    pairs |= {"queue_id": colour.value} if colour.is_queue else {}
    return with_query(f"/api/v1{scan_url(caller, found.scan)}/points", **pairs)


def _without_shape(region: RegionIn, **more: Any) -> RegionIn:
    nothing = {"x_from": None, "x_to": None, "y_from": None, "y_to": None}
    return region.model_copy(update=nothing | {"polygons": [], "positions": []} | more)


def _filter_fields(region: RegionIn) -> list[tuple[str, str]]:
    return [pair for pair in pairs_of(region) if pair[0] in ("given", "suggested", "flagged")]


def _chips(url: str, region: RegionIn, kept: list[tuple[str, str]]) -> list[Chip]:
    """What makes the selection; the link of each takes it away."""
    chips: list[tuple[str, dict[str, Any]]] = []
    for field in ("x", "y"):
        low, high = f"{field}_from", f"{field}_to"
        words = range_words(getattr(region, field), getattr(region, low), getattr(region, high))
        chips += [(words, {low: None, high: None})] if words else []
    if region.polygons:
        drawn = "drawn round" if len(region.polygons) == 1 else f"{len(region.polygons)} shapes"
        chips.append((drawn, {"polygons": []}))
    if region.positions:
        chips.append((f"{number(len(region.positions))} clicked", {"positions": []}))
    for field in ("given", "suggested"):
        if value := getattr(region, field):
            chips.append((f"{field} {shortened(value, 24)}", {field: None}))
    if region.flagged:
        chips.append(("flagged only", {"flagged": None}))
    return [
        Chip(name, _url(url, region.model_copy(update=without), kept)) for name, without in chips
    ]
