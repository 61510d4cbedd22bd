"""A region as the query of an address, so that what is selected can be shared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import Field

from app.datasets.models import Task
from app.scans.errors import RegionInvalid
from app.scans.region_schemas import (
    MOST_CORNERS,
    MOST_POLYGONS,
    MOST_POSITIONS,
    Axis,
    RegionIn,
    Scale,
)
from app.scans.regions import LOGARITHMIC, axes_of
from app.scans.results import Results
from app.schemas import LAST_POSITION

_Word = Annotated[str, Query(max_length=500)]
_Number = Annotated[str, Query(max_length=40)]
_Corners = Annotated[
    list[Annotated[str, Field(max_length=60 * MOST_CORNERS)]], Query(max_length=MOST_POLYGONS)
]
_Positions = Annotated[
    list[Annotated[int, Field(ge=0, le=LAST_POSITION)]], Query(max_length=MOST_POSITIONS)
]


@dataclass(frozen=True)
class AskedRegion:
    """What an address says of a region, as it stands there.

    A form without scripts sends what was not filled in as an empty text.
    """

    x: str = ""
    y: str = ""
    x_scale: str = ""
    y_scale: str = ""
    x_from: str = ""
    x_to: str = ""
    y_from: str = ""
    y_to: str = ""
    polygon: tuple[str, ...] = ()
    position: tuple[int, ...] = ()
    given: str = ""
    suggested: str = ""
    flagged: str = ""

    def axes(self, found: Results) -> RegionIn:
        """The scatter alone, nothing selected in it. An axis that is not named is the usual one.

        Raises:
            RegionInvalid: there is no such score.
        """
        is_regression = found.dataset.task == Task.regression
        x = _axis(found, "x", self.x) or (
            Axis.given_target if is_regression else Axis.self_influence
        )
        y = _axis(found, "y", self.y) or (Axis.predicted_value if is_regression else Axis.margin)
        return RegionIn(
            x=x,
            y=y,
            x_scale=_scale(x, self.x_scale, is_usual=not self.x),
            y_scale=_scale(y, self.y_scale, is_usual=not self.y),
        )

    def region(self, found: Results) -> RegionIn:
        """Raises RegionInvalid."""
        return self.axes(found).model_copy(
            update={
                "x_from": _number("x_from", self.x_from),
                "x_to": _number("x_to", self.x_to),
                "y_from": _number("y_from", self.y_from),
                "y_to": _number("y_to", self.y_to),
                "polygons": [_corners(text) for text in self.polygon],
                "positions": list(self.position),
                "given": self.given or None,
                "suggested": self.suggested or None,
                "flagged": True if self.flagged else None,
            }
        )


def _asked(
    x: _Word = "",
    y: _Word = "",
    x_scale: _Word = "",
    y_scale: _Word = "",
    x_from: _Number = "",
    x_to: _Number = "",
    y_from: _Number = "",
    y_to: _Number = "",
    polygon: _Corners = [],  # noqa: B006 - FastAPI copies it
    position: _Positions = [],  # noqa: B006
    given: _Word = "",
    suggested: _Word = "",
    flagged: _Word = "",
) -> AskedRegion:
    return AskedRegion(
        x, y, x_scale, y_scale, x_from, x_to, y_from, y_to, tuple(polygon), tuple(position),
        given, suggested, flagged,
    )  # fmt: skip


Asked = Annotated[AskedRegion, Depends(_asked)]


def query_of(region: RegionIn) -> str:
    """The query that means this region."""
    return urlencode(pairs_of(region))


def pairs_of(region: RegionIn) -> list[tuple[str, str]]:
    """Names and values of the query, each of which may also be a field of a form."""
    pairs: list[tuple[str, Any]] = [("x", region.x.value), ("y", region.y.value)]
    for name, scale in (("x_scale", region.x_scale), ("y_scale", region.y_scale)):
        pairs += [(name, scale.value)] if scale is Scale.log else []
    for name in ("x_from", "x_to", "y_from", "y_to"):
        value = getattr(region, name)
        pairs += [(name, f"{value!r}")] if value is not None else []
    pairs += [("polygon", text_of(polygon)) for polygon in region.polygons]
    pairs += [("position", str(position)) for position in region.positions]
    pairs += [(name, value) for name in ("given", "suggested") if (value := getattr(region, name))]
    return pairs + ([("flagged", "yes")] if region.flagged else [])


def text_of(polygon: list[list[float]]) -> str:
    """Its corners, x and y of each, with blanks between: `0.1 2 0.5 3 1 1`."""
    return " ".join(f"{value!r}" for corner in polygon for value in corner)


def _axis(found: Results, field: str, text: str) -> Axis | None:
    if not text:
        return None
    allowed = axes_of(found)
    if text not in [axis.value for axis in allowed]:
        raise RegionInvalid(
            f"A {found.dataset.task} has no score {text!r}.",
            field=field,
            remedy=f"Its scores are: {', '.join(allowed)}.",
        )
    return Axis(text)


def _scale(axis: Axis, text: str, *, is_usual: bool) -> Scale:
    """Linear where a score has no logarithm: whoever changes the axis need not think of it."""
    asked = text == Scale.log or (is_usual and not text)
    return Scale.log if asked and axis in LOGARITHMIC else Scale.linear


def _number(field: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RegionInvalid(
            f"{text!r} is not a number.",
            field=field,
            remedy="Give one such as 0.5 or 1e-3, or leave the field empty.",
        )
    return value


def _corners(text: str) -> list[list[float]]:
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError:
        numbers = []
    whole = len(numbers) % 2 == 0 and 6 <= len(numbers) <= 2 * MOST_CORNERS
    if not whole or not all(map(math.isfinite, numbers)):
        raise RegionInvalid(
            "The address holds a shape that cannot be read.",
            field="polygon",
            remedy="Draw it again; or give x and y of three corners or more, with blanks between.",
        )
    return [list(corner) for corner in zip(numbers[::2], numbers[1::2], strict=True)]
