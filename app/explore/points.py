"""The examples of a scan as points of a scatter, or as a density where they are too many."""

from __future__ import annotations

import math
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.explore.density import density, limits
from app.explore.schemas import DensityOut, PointsOut
from app.reviews.service import outcomes_at
from app.scans.columns import score_columns
from app.scans.region_schemas import RegionIn
from app.scans.regions import Placed, place
from app.scans.results import Results

_COLUMNS, _ROWS = 120, 90
_ON_TOP = 2_000


def points(
    db: Session,
    caller: Caller,
    found: Results,
    region: RegionIn,
    *,
    most: int,
    queue_id: UUID | None = None,
) -> PointsOut:
    """All examples that fit a region's filter, whatever its shapes.

    Args:
        most: of more, a density and the most suspicious.
        queue_id: tell also what became of each in this queue.
    Raises:
        ClassUnknown, RegionInvalid, QueueNotFound.
        OtherDataset: the queue is of another dataset.
    """
    placed = place(db, found, region)
    fitting = np.flatnonzero(placed.fits)
    drawn = _most_suspicious_last(placed, fitting, most)
    columns = score_columns(
        db, found.scan, [region.x.value, region.y.value, "flagged", "given_label"]
    )
    x, y = columns[region.x.value], columns[region.y.value]
    x_range, y_range = _range(x[fitting]), _range(y[fitting])
    has_classes = found.dataset.classes is not None
    return PointsOut(
        x=region.x,
        y=region.y,
        x_scale=region.x_scale,
        y_scale=region.y_scale,
        example_count=len(fitting),
        placeless=int((~(np.isfinite(placed.x) & np.isfinite(placed.y))).sum()),
        x_range=x_range,
        y_range=y_range,
        density=_density(placed, fitting) if len(drawn) < len(fitting) else None,
        classes=found.dataset.classes,
        positions=drawn.tolist(),
        xs=_rounded(x[drawn], x_range),
        ys=_rounded(y[drawn], y_range),
        flagged=columns["flagged"][drawn].tolist(),
        given=columns["given_label"][drawn].tolist() if has_classes else None,
        outcomes=_outcomes(db, caller, found, queue_id, drawn) if queue_id else None,
    )


def _most_suspicious_last(placed: Placed, fitting: np.ndarray, most: int) -> np.ndarray:
    # An example without a rank comes before all that have one.
    order = np.where(placed.rank[fitting] > 0, -placed.rank[fitting], np.iinfo(np.int32).min)
    if len(fitting) > most:
        kept = min(most, _ON_TOP)
        fitting = fitting[np.argpartition(order, -kept)[-kept:]]
        order = -placed.rank[fitting]
    return fitting[np.argsort(order, kind="stable")]


def _range(values: np.ndarray) -> list[float] | None:
    return [float(values.min()), float(values.max())] if len(values) else None


def _density(placed: Placed, fitting: np.ndarray) -> DensityOut:
    x, y = placed.x[fitting], placed.y[fitting]
    counts = density(x, y, x_limits=limits(x), y_limits=limits(y), columns=_COLUMNS, rows=_ROWS)
    return DensityOut(columns=_COLUMNS, rows=_ROWS, counts=counts.ravel().tolist())


def _rounded(values: np.ndarray, ends: list[float] | None) -> list[float]:
    """To six figures of their range: finer than any screen, and half as long in an answer."""
    low, high = ends or (0.0, 0.0)
    alike = math.log10(max(abs(low), abs(high)) / (high - low)) if high > low else 0.0
    figures = min(6 + max(0, math.ceil(alike)), 17)
    return [float(f"{value:.{figures}g}") for value in values.tolist()]


def _outcomes(
    db: Session, caller: Caller, found: Results, queue_id: UUID, positions: np.ndarray
) -> list[str | None]:
    outcomes = outcomes_at(db, caller, queue_id, found.dataset.id, positions.tolist())
    return [outcomes.get(position) for position in positions.tolist()]
