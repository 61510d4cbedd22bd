"""Which points lie in a polygon: many points at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def inside_any(x: np.ndarray, y: np.ndarray, polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Which points lie in one of the polygons.

    Args:
        x, y: (n,) float64; what is not finite lies in none.
        polygons: (corners, 2) float64 each.
    Returns:
        (n,) bool.
    """
    found = np.zeros(len(x), dtype=bool)
    for polygon in polygons:
        found |= inside(x, y, polygon)
    return found


def inside(x: np.ndarray, y: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points a polygon's line goes round, in whichever direction and however often.

    Of points on the line itself those at its lower and left sides are inside, so that polygons
    side by side share no point and miss none.

    Args:
        x, y: (n,) float64.
        polygon: (corners, 2) float64; the last corner joins the first.
    Returns:
        (n,) bool.
    """
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    # By height: each edge then meets one run of the points, not all of them.
    near = near[np.argsort(y[near], kind="stable")]
    px, py = x[near], y[near]
    windings = np.zeros(len(near), dtype=np.int32)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        up = y1 < y2
        (ax, ay), (bx, by) = ((x1, y1), (x2, y2)) if up else ((x2, y2), (x1, y1))
        begin, end = np.searchsorted(py, (ay, by), side="left")
        run = slice(begin, end)
        # A ray to the right of the point meets the edge.
        with np.errstate(over="ignore", invalid="ignore"):
            meets = (bx - ax) * (py[run] - ay) - (px[run] - ax) * (by - ay) > 0
        windings[run] += np.where(meets, 1 if up else -1, 0)
    found = np.zeros(len(x), dtype=bool)
    found[near[windings != 0]] = True
    return found
