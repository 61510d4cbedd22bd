"""Which numbers of a table's row stand out from its column."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from app.datasets.content import open_store
from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset, Modality

_SAMPLE = 4096
_BLOCKS = 8
# Of all rows one in a hundred is odd in a column, on either side.
_TAIL = 1.0


def odd_cells(dataset: Dataset, position: int) -> dict[int, str]:
    """What to say of a row's odd numbers, by column index; empty unless it is of a table."""
    if dataset.modality != Modality.table or dataset.store is None:
        return {}
    store = open_store(dataset)
    low, high = _usual_range(store)
    row = _numbers(store.row(position).inputs)[0]
    said = {}
    for index in np.flatnonzero((row < low) | (row > high)).tolist():
        side = "lower" if row[index] < low[index] else "higher"
        said[index] = f"{side} than {100 - _TAIL:.0f} % of the rows"
    return said


def _numbers(inputs: object) -> np.ndarray:
    values = np.asarray(inputs, dtype=float)
    return values.reshape(len(values), -1)


@lru_cache(maxsize=32)  # `open_store` gives the same store again
def _usual_range(store: ExampleStore) -> tuple[np.ndarray, np.ndarray]:
    """The percentiles of every column, from blocks spread over all rows."""
    size = _SAMPLE // _BLOCKS
    starts = np.linspace(0, max(len(store) - size, 0), _BLOCKS).astype(int)
    sample = np.concatenate(
        [
            _numbers(store.rows(start, min(start + size, len(store))).inputs)
            for start in sorted(set(starts.tolist()))
        ]
    )
    sample[~np.isfinite(sample)] = 0
    low, high = np.percentile(sample, [_TAIL, 100 - _TAIL], axis=0)
    return low, high
