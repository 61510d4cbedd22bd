"""Shares as percentages, as estimates, gates and pages say them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gates import words
from app.percent import percent


@pytest.mark.parametrize(
    ("share", "decimals", "whole", "told"),
    [
        (0.07, 2, math.ceil, "7 %"),
        (0.07, 2, math.floor, "7 %"),
        (0.00824, 2, math.ceil, "0.83 %"),
        (0.00824, 2, math.floor, "0.82 %"),
        (0.00824, 2, round, "0.82 %"),
        (1, 0, round, "100 %"),
        (0.104, 0, round, "10 %"),
        (0, 2, math.ceil, "0 %"),
        (1e-9, 2, math.ceil, "0.01 %"),
    ],
)
def test_it_is_rounded_as_asked(
    share: float, decimals: int, whole: Callable[[float], int], told: str
) -> None:
    assert percent(share, decimals, whole) == told


@given(st.floats(1e-12, 1))
def test_a_gates_percentage_is_as_near_as_its_digits(share: float) -> None:
    for digits in (words.USUAL, words.ALL):
        told = float(words.percent(share, digits).removesuffix(" %"))
        assert told == pytest.approx(100 * share, rel=0.6 * 10 ** (1 - digits), abs=1e-15)


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.0, "0 %"), (1e-5, "0.001 %"), (0.15534, "15.53 %"), (0.99999, "100 %"), (1e-320, "0 %")],
)
def test_a_limit_is_told_as_it_was_written(share: float, told: str) -> None:
    assert words.percent(share) == told
