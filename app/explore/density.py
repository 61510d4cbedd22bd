"""How many points lie where, for more points than can be drawn."""

from __future__ import annotations

import numpy as np


def limits(values: np.ndarray) -> tuple[float, float]:
    """The least and the largest of some values; never equal, so that a place can be told.

    Args:
        values: (n,) finite float64, n > 0.
    """
    low, high = float(values.min()), float(values.max())
    if low < high:
        return low, high
    margin = max(abs(low) * 1e-3, 1e-3)
    return low - margin, high + margin


def density(
    x: np.ndarray,
    y: np.ndarray,
    *,
    x_limits: tuple[float, float],
    y_limits: tuple[float, float],
    columns: int,
    rows: int,
) -> np.ndarray:
    """Counts of points in a grid of equal cells. A point between two cells is the upper one's.

    Args:
        x, y: (n,) finite float64, within the limits.
    Returns:
        (rows, columns) int64, the lowest row first.
    """
    across = _cells(x, x_limits, columns)
    up = _cells(y, y_limits, rows)
    counts = np.bincount(up * columns + across, minlength=rows * columns)
    return counts.reshape(rows, columns)


def _cells(values: np.ndarray, ends: tuple[float, float], count: int) -> np.ndarray:
    low, high = ends
    cells = ((values - low) * (count / (high - low))).astype(np.int64)
    return np.clip(cells, 0, count - 1)  # the largest value is of the last cell
