"""Which examples of a scan a region holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.datasets.models import Task
from app.paging import decode_cursor, encode_cursor, parse_position
from app.scans.columns import score_columns
from app.scans.errors import RegionInvalid
from app.scans.polygons import inside_any
from app.scans.region_schemas import Axis, RegionIn, RegionOut, Scale
from app.scans.results import Results, scores_at

_CLASSES_ONLY = {Axis.margin, Axis.given_probability, Axis.probability}
_NUMBERS_ONLY = {Axis.given_target, Axis.predicted_value}
# Never negative, and spread over powers of ten.
LOGARITHMIC = frozenset(
    {
        Axis.self_influence, Axis.self_influence_equal, Axis.last_layer, Axis.loss, Axis.el2n,
        Axis.given_probability,
    }
)  # fmt: skip


def axes_of(found: Results) -> list[Axis]:
    """The scores that the scan's task has."""
    absent = _CLASSES_ONLY if found.dataset.task == Task.regression else _NUMBERS_ONLY
    return [axis for axis in Axis if axis not in absent]


@dataclass(frozen=True)
class Placed:
    """Where examples lie in a scatter.

    Attributes:
        x, y: (n,) float64 by position, as drawn: logarithms where the scale is logarithmic; what
            has no place is not finite.
        fits: (n,) bool: has a place, and fits the filter.
        rank: (n,) int32, 0 for none.
    """

    x: np.ndarray
    y: np.ndarray
    fits: np.ndarray
    rank: np.ndarray


def drawn(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Values as a scale has them: the same, or their logarithms to base 10."""
    if scale is Scale.linear:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(values)


def place(db: Session, found: Results, region: RegionIn, *, inside: str = "") -> Placed:
    """Where all examples lie, and which fit the region's filter, whatever its shapes.

    Args:
        inside: the field that holds the region, for problems.
    Raises:
        ClassUnknown; RegionInvalid: the region contradicts itself or the scan's task.
    """
    prefix = f"{inside}." if inside else ""
    _require_sound(found, region, prefix)
    given = found.label_index(region.given, f"{prefix}given")
    suggested = found.label_index(region.suggested, f"{prefix}suggested")
    names = [region.x.value, region.y.value, "rank"]
    names += ["given_label"] if given is not None or suggested is not None else []
    names += ["predicted_label"] if suggested is not None else []
    names += ["flagged"] if region.flagged is not None else []
    columns = score_columns(db, found.scan, names)
    x = drawn(columns[region.x.value], region.x_scale)
    y = drawn(columns[region.y.value], region.y_scale)
    fits = np.isfinite(x) & np.isfinite(y)
    if given is not None:
        fits &= columns["given_label"] == given
    if suggested is not None:
        # A suggestion is what the model says instead.
        fits &= (columns["predicted_label"] == suggested) & (columns["given_label"] != suggested)
    if region.flagged is not None:
        fits &= columns["flagged"] == region.flagged
    return Placed(x, y, fits, columns["rank"])


def examples_in(db: Session, found: Results, region: RegionIn, *, inside: str = "") -> np.ndarray:
    """Positions of a region's examples, the most suspicious first; int64.

    Raises:
        ClassUnknown, RegionInvalid.
    """
    placed = place(db, found, region, inside=inside)
    chosen = placed.fits.copy()
    scores = score_columns(db, found.scan, [region.x.value, region.y.value])
    for axis, low, high in (
        (region.x, region.x_from, region.x_to),
        (region.y, region.y_from, region.y_to),
    ):
        if low is not None:
            chosen &= scores[axis.value] >= low
        if high is not None:
            chosen &= scores[axis.value] <= high
    if region.polygons or region.positions:
        chosen &= _marked(placed, region)
    positions = np.flatnonzero(chosen)
    ranks = placed.rank[positions]
    return positions[np.lexsort((positions, np.where(ranks > 0, ranks, np.iinfo(np.int32).max)))]


def _marked(placed: Placed, region: RegionIn) -> np.ndarray:
    """Which examples lie in a polygon or are named."""
    polygons = []
    for polygon in region.polygons:
        corners = np.asarray(polygon, dtype=np.float64)
        across, up = drawn(corners[:, 0], region.x_scale), drawn(corners[:, 1], region.y_scale)
        polygons.append(np.column_stack([across, up]))
    marked = inside_any(placed.x, placed.y, polygons)
    named = np.asarray(region.positions, dtype=np.int64)
    marked[named[named < len(marked)]] = True
    return marked


def region_page(
    db: Session, found: Results, region: RegionIn, *, after: str | None, limit: int
) -> RegionOut:
    """A page of a region's examples with all their scores.

    Raises:
        ClassUnknown, RegionInvalid, CursorInvalid.
    """
    cursor = decode_cursor(after, parse_position)
    positions = examples_in(db, found, region)
    begin = 0
    if cursor is not None:
        # The results never change, so the place in the order is as good as the row's own key.
        begin = cursor[0]
    page = positions[begin : begin + limit].tolist()
    by_position = {score.position: score for score in scores_at(db, found, page)}
    more = begin + limit < len(positions)
    return RegionOut(
        count=len(positions),
        items=[by_position[position] for position in page],
        next=encode_cursor([begin + limit]) if more else None,
    )


def _require_sound(found: Results, region: RegionIn, prefix: str) -> None:
    """Raises RegionInvalid."""
    allowed = axes_of(found)
    for name, axis, scale, low, high in (
        ("x", region.x, region.x_scale, region.x_from, region.x_to),
        ("y", region.y, region.y_scale, region.y_from, region.y_to),
    ):
        if axis not in allowed:
            raise RegionInvalid(
                f"A {found.dataset.task} has no {axis.value}.",
                field=f"{prefix}{name}",
                remedy=f"Its scores are: {', '.join(allowed)}.",
            )
        if scale is Scale.log and axis not in LOGARITHMIC:
            raise RegionInvalid(
                f"The {axis.value} may be 0 or less, which has no logarithm.",
                field=f"{prefix}{name}_scale",
                remedy="Ask for the scale linear.",
            )
        if low is not None and high is not None and low > high:
            raise RegionInvalid(
                f"The range of {axis.value} ends before it begins: from {low:g} to {high:g}.",
                field=f"{prefix}{name}_from",
                remedy=f"Give a {name}_from that is not larger than {name}_to.",
            )
    _require_logarithms(region, prefix)


def _require_logarithms(region: RegionIn, prefix: str) -> None:
    scales = (region.x_scale, region.y_scale)
    logarithmic = [i for i, scale in enumerate(scales) if scale is Scale.log]
    corners = (corner for polygon in region.polygons for corner in polygon)
    if any(corner[i] <= 0 for corner in corners for i in logarithmic):
        raise RegionInvalid(
            "A corner of a polygon is 0 or less, which has no place on a logarithmic scale.",
            field=f"{prefix}polygons",
            remedy="Move it above 0, or ask for the scale linear.",
        )
