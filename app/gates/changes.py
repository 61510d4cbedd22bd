"""Which examples of a dataset version are not as in another, by content and label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from app.datasets.content import open_store
from app.datasets.identity import match
from app.datasets.models import Dataset


class Changes:
    """A dataset beside its baseline. Whatever key an example has, its content and label count."""

    def __init__(self, dataset: Dataset, baseline: Dataset) -> None:
        self._dataset = dataset
        self._baseline = baseline

    @cached_property
    def _identities(self) -> tuple[np.ndarray, np.ndarray]:
        return open_store(self._dataset).identities(), open_store(self._baseline).identities()

    @cached_property
    def changed(self) -> list[int]:
        """Positions of examples that the baseline has not."""
        if self._dataset.id == self._baseline.id:
            return []
        now, then = self._identities
        positions: list[int] = np.flatnonzero(match(now, then) < 0).tolist()
        return positions

    def not_among(self, positions: Sequence[int], earlier: Sequence[int]) -> list[int]:
        """Of these positions, those of examples that are not at the baseline's positions."""
        here = np.asarray(positions, np.int64)
        if self._dataset.id == self._baseline.id:
            new: list[int] = np.setdiff1d(here, np.asarray(earlier, np.int64)).tolist()
            return new
        now, then = self._identities
        known = then[np.asarray(earlier, np.int64)]
        found: list[int] = here[match(now[here], known) < 0].tolist()
        return found
