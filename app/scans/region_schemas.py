"""A region of a scatter of two scores, with a filter: what is looked at, shared and reviewed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from app.scans.schemas import ScoreOut
from app.schemas import In, Name, Out, Position

MOST_POLYGONS = 20
MOST_CORNERS = 400
MOST_POSITIONS = 1000


class Axis(StrEnum):
    """A score that may stand at an axis."""

    self_influence = "self_influence"
    self_influence_equal = "self_influence_equal"
    last_layer = "last_layer"
    loss = "loss"
    margin = "margin"
    el2n = "el2n"
    given_probability = "given_probability"
    probability = "probability"
    suspicion = "suspicion"
    given_target = "given_target"
    predicted_value = "predicted_value"


class Scale(StrEnum):
    linear = "linear"
    log = "log"


_Number = Annotated[float, Field(allow_inf_nan=False)]
Corner = Annotated[list[_Number], Field(min_length=2, max_length=2)]
Polygon = Annotated[list[Corner], Field(min_length=3, max_length=MOST_CORNERS)]

_EXAMPLE: JsonDict = {
    "x": "self_influence",
    "x_scale": "log",
    "y": "given_probability",
    "x_from": 0.01,
    "polygons": [[[0.01, 0.0], [10.0, 0.0], [10.0, 0.5]]],
    "flagged": True,
}


class RegionIn(In):
    """Examples that lie within the ranges and fit the filter. If there are polygons or
    positions, only those that lie in one of the polygons or have one of the positions.

    An example without one of the two scores lies nowhere, and so does one without a logarithm
    where the scale is logarithmic.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    x: Axis = Field(description="The score across.")
    y: Axis = Field(description="The score upwards.")
    x_scale: Scale = Field(
        default=Scale.linear, description="In which the edges of the polygons are straight."
    )
    y_scale: Scale = Scale.linear
    x_from: _Number | None = Field(default=None, description="At least this, in the score's unit.")
    x_to: _Number | None = Field(default=None, description="At most this.")
    y_from: _Number | None = None
    y_to: _Number | None = None
    polygons: list[Polygon] = Field(
        default_factory=list,
        max_length=MOST_POLYGONS,
        description="Each of three or more corners [x, y], in the scores' units. What a line that "
        "crosses itself goes round is inside.",
    )
    positions: list[Annotated[Position, Field(ge=0)]] = Field(
        default_factory=list, max_length=MOST_POSITIONS, description="Examples chosen one by one."
    )
    given: Name | None = Field(default=None, description="Only examples given this class.")
    suggested: Name | None = Field(default=None, description="Only examples with this suggestion.")
    flagged: bool | None = None

    @property
    def has_shape(self) -> bool:
        """Whether anything is marked in the scatter itself."""
        ranges = (self.x_from, self.x_to, self.y_from, self.y_to)
        return bool(self.polygons or self.positions) or any(each is not None for each in ranges)

    @property
    def has_filter(self) -> bool:
        return any(each is not None for each in (self.given, self.suggested, self.flagged))


class RegionOut(Out):
    """Examples of a region, the most suspicious first."""

    count: int = Field(description="How many the region has, on all pages.")
    items: list[ScoreOut]
    next: str | None = Field(default=None, description="Give this as `after` to get the next page.")
