from __future__ import annotations

from pydantic import Field

from app.scans.region_schemas import Axis, Scale
from app.schemas import Out

MOST_POINTS = 50_000


class DensityOut(Out):
    """How many examples lie where: a grid of equal cells over both ranges, as the scales have
    them.
    """

    columns: int
    rows: int
    counts: list[int] = Field(description="Row by row, the lowest first.")


class PointsOut(Out):
    """Examples in a scatter of two scores. The lists go together: one entry an example, the most
    suspicious last, so that it is drawn on top.
    """

    x: Axis
    y: Axis
    x_scale: Scale
    y_scale: Scale
    example_count: int = Field(description="That fit the filter and have a place.")
    placeless: int = Field(
        description="Without one of the scores, or without its logarithm where that is asked for."
    )
    x_range: list[float] | None = Field(description="Least and largest; null without examples.")
    y_range: list[float] | None
    density: DensityOut | None = Field(
        description="Where there are more examples than asked for; the points are then only the "
        "most suspicious."
    )
    classes: list[str] | None
    positions: list[int]
    xs: list[float] = Field(description="To six figures of their range.")
    ys: list[float]
    flagged: list[bool]
    given: list[int] | None = Field(description="Given classes, as numbers in `classes`, from 0.")
    outcomes: list[str | None] | None = Field(
        description="In the queue that was asked for: `right`, `relabel`, `unusable`, `disputed`, "
        "`open`; null for examples that are not in it."
    )
