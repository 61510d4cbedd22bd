"""The search finds what a full sort finds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evidence.search import top_influences


def sorted_fully(
    products: np.ndarray, k: int, keep: np.ndarray
) -> tuple[list[list[int]], list[list[int]]]:
    """Positions of the largest and smallest, equal values by position."""
    ends: tuple[list[list[int]], list[list[int]]] = ([], [])
    for row, kept in zip(products, keep, strict=True):
        usable = [i for i in range(len(row)) if kept[i] and np.isfinite(row[i])]
        for end, sign in zip(ends, (-1, 1), strict=True):
            best = sorted(usable, key=lambda i: (sign * row[i], i))[:k]
            end.append(best + [-1] * (k - len(best)))
    return ends


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(0, 30), q=st.integers(1, 4), k=st.integers(1, 8), block=st.integers(1, 35),
    seed=st.integers(0, 10_000), masks=st.sampled_from([None, "rows", "each"]),
    by_label=st.booleans(), leave_out=st.booleans(),
)  # fmt: skip
def test_equals_a_full_sort(
    n: int,
    q: int,
    k: int,
    block: int,
    seed: int,
    masks: str | None,
    by_label: bool,
    leave_out: bool,
) -> None:
    draw = np.random.default_rng(seed)
    # Small integers: many ties, and products that no order of summing can change.
    sketches = draw.integers(-2, 3, (n, 3)).astype(np.float32)
    sketches[draw.random(n) < 0.2] = np.nan
    queries = draw.integers(-2, 3, (q, 3)).astype(np.float32)
    keep = np.ones((q, n), dtype=bool)
    allowed = None
    if masks is not None:
        allowed = draw.random((n,) if masks == "rows" else (q, n)) < 0.6
        keep &= allowed
    labels = draw.integers(0, 3, n)
    restrict: Sequence[int | None] | None = None
    if by_label:
        restrict = [None if i == 1 else i % 3 for i in range(q)]
        for i, label in enumerate(restrict):
            keep[i] &= (labels == label) | (label is None)
    exclude: Sequence[int | None] | None = None
    if leave_out and n:
        exclude = [None if i == 2 else i % n for i in range(q)]
        for i, row in enumerate(exclude):
            if row is not None:
                keep[i, row] = False

    found = top_influences(
        sketches, queries, k, allowed=allowed, labels=labels, restrict=restrict, exclude=exclude,
        block_rows=block,
    )  # fmt: skip

    with np.errstate(invalid="ignore"):
        products = queries @ sketches.T
    largest, smallest = sorted_fully(products, k, keep)
    assert found.proponents.positions.tolist() == largest
    assert found.opponents.positions.tolist() == smallest
    for end in (found.proponents, found.opponents):
        for i in range(q):
            real = end.positions[i] >= 0
            assert end.values[i, real].tolist() == products[i, end.positions[i, real]].tolist()
            assert np.isnan(end.values[i, ~real]).all()


def test_memory_map_gives_the_same(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    sketches = draw.standard_normal((500, 8)).astype(np.float32)
    np.save(tmp_path / "sketches.npy", sketches)
    mapped = np.load(tmp_path / "sketches.npy", mmap_mode="r")
    here = top_influences(sketches, sketches[:3], 5)
    there = top_influences(mapped, sketches[:3], 5, block_rows=64)
    np.testing.assert_array_equal(here.proponents.positions, there.proponents.positions)
    np.testing.assert_array_equal(here.opponents.positions, there.opponents.positions)
    np.testing.assert_allclose(here.proponents.values, there.proponents.values, rtol=1e-6)


def test_infinite_rows_and_queries_are_never_found() -> None:
    sketches = np.array([[np.inf], [-np.inf], [1.0], [-2.0]], dtype=np.float32)
    found = top_influences(sketches, np.array([[1.0], [np.nan]], dtype=np.float32), 3)
    assert found.proponents.positions.tolist() == [[2, 3, -1], [-1, -1, -1]]
    assert found.opponents.positions.tolist() == [[3, 2, -1], [-1, -1, -1]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"queries": np.zeros((1, 3), dtype=np.float32)},
        {"allowed": np.ones(3, dtype=bool)},
        {"allowed": np.ones(4)},
        {"restrict": [1]},
        {"labels": np.zeros(3)},
        {"exclude": [1, 2]},
        {"block_rows": -1},
    ],
    ids=lambda w: next(iter(w)),
)
def test_what_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    fine = {"queries": np.zeros((1, 2), dtype=np.float32), "k": 1}
    with pytest.raises(ValueError):
        top_influences(np.zeros((4, 2), dtype=np.float32), **{**fine, **wrong})  # type: ignore[arg-type]
