"""Which points lie in a polygon, against a slow count of how often its line goes round them."""

from __future__ import annotations

from math import atan2, pi

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scans.polygons import inside, inside_any

# Whole and half numbers, so that points come to lie on corners, and level with them.
X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(-1, 9.5, 0.5), np.arange(-1, 9.5, 0.5)))
corners = st.tuples(st.integers(0, 8), st.integers(0, 8))
polygons = st.lists(corners, min_size=3, max_size=10).map(lambda each: np.array(each, dtype=float))


def _turns(x: float, y: float, polygon: np.ndarray) -> int | None:
    """How often the line goes round a point; None for a point on the line."""
    angle = 0.0
    for a, b in zip(polygon - (x, y), np.roll(polygon, -1, axis=0) - (x, y), strict=True):
        cross, dot = a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1]
        if cross == 0 and dot <= 0:
            return None
        angle += atan2(cross, dot)
    return round(angle / (2 * pi))


@settings(max_examples=40, deadline=None)
@given(polygons)
def test_inside_is_what_the_line_goes_round(polygon: np.ndarray) -> None:
    found = inside(X, Y, polygon)
    for x, y, is_inside in zip(X, Y, found, strict=True):
        turns = _turns(x, y, polygon)
        if turns is not None:
            assert is_inside == (turns != 0), (x, y, turns)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7))
def test_polygons_side_by_side_share_no_point_and_miss_none(x: int, y: int) -> None:
    square = [(0, 0), (8, 0), (8, 8), (0, 8)]
    parts = [
        np.array([a, b, (x, y)], dtype=float)
        for a, b in zip(square, [*square[1:], square[0]], strict=True)
    ]
    times = sum(inside(X, Y, part).astype(int) for part in parts)
    assert (times == inside(X, Y, np.array(square, dtype=float))).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(polygons, max_size=3))
def test_neither_order_nor_direction_counts(several: list[np.ndarray]) -> None:
    found = inside_any(X, Y, several)
    order = np.random.default_rng(0).permutation(len(X))
    assert (inside_any(X[order], Y[order], [each[::-1] for each in several]) == found[order]).all()


def test_what_is_not_finite_lies_nowhere() -> None:
    whole = np.array([(-1e308, -1e308), (1e308, -1e308), (0, 1e308)])
    x = np.array([0.0, np.nan, 0.0, np.inf, -np.inf])
    y = np.array([0.0, 0.0, np.nan, 0.0, 0.0])
    assert inside(x, y, whole / 1e300).tolist() == [True, False, False, False, False]
    assert not inside(x, y, whole)[1:].any()
