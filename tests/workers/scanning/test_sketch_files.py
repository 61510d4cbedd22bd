"""Sketches in artifacts: a byte a number, and what that costs in accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from workers.scanning.sketches import bytes_kept, joined, packed


def kept(sketches: list[np.ndarray]) -> dict[str, np.ndarray]:
    """(m, k, ...) columns of k checkpoints."""
    parts = [packed(each) for each in sketches]
    return {name: np.stack([part[name] for part in parts], 1) for name in parts[0]}


@pytest.mark.parametrize("tail", [0.0, 1.0, 3.0], ids=["normal", "log-normal", "few large"])
def test_rounding_is_a_tenth_of_a_sketchs_own_error(tail: float) -> None:
    rng = np.random.default_rng(0)
    size = np.exp(tail * rng.normal(size=(2, 200, 1024)))
    one, other = (rng.normal(size=size.shape) * size).astype(np.float32)
    weights = [0.3, 0.7]
    true = np.sqrt(0.3) * one + np.sqrt(0.7) * other
    found = joined(kept([one, other]), weights)
    lengths = np.linalg.norm(true, axis=1)
    error = (found @ found.T - true @ true.T) / np.outer(lengths, lengths)
    apart = ~np.eye(len(error), dtype=bool)
    assert np.sqrt(np.square(error[apart]).mean()) < 0.1 / np.sqrt(1024)
    assert np.abs(np.diag(error)).max() < 0.01


def test_rows_without_a_finite_gradient_and_of_zeros_stay_so() -> None:
    sketch = np.array([[1, -3, 2], [np.nan] * 3, [0, 0, 0], [np.inf, 0, 1]], np.float32)
    columns = kept([sketch])
    assert columns["sketch"].nbytes + columns["sketch_scale"].nbytes == 4 * bytes_kept(3)
    found = joined(columns, [1.0])
    np.testing.assert_allclose(found[0], sketch[0], atol=0.02)
    np.testing.assert_array_equal(found[2], 0)
    assert not np.isfinite(found[[1, 3]]).any()
