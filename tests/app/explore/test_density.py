from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.explore.density import density, limits

values = st.floats(-1e6, 1e6, allow_subnormal=False)
points = st.lists(st.tuples(values, values), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(points, st.integers(1, 7), st.integers(1, 5))
def test_every_point_is_counted_in_the_cell_it_lies_in(
    drawn: list[tuple[float, float]], columns: int, rows: int
) -> None:
    x, y = np.array(drawn).T
    ends = limits(x), limits(y)
    counts = density(x, y, x_limits=ends[0], y_limits=ends[1], columns=columns, rows=rows)
    slow = np.zeros((rows, columns), dtype=int)
    for px, py in drawn:
        across, up = (
            min(int((value - low) * (count / (high - low))), count - 1)
            for value, (low, high), count in zip((px, py), ends, (columns, rows), strict=True)
        )
        slow[up, across] += 1
    assert (counts == slow).all()
    assert counts.sum() == len(drawn)


def test_equal_values_have_a_place_too() -> None:
    low, high = limits(np.array([5.0, 5.0]))
    assert low < 5 < high
