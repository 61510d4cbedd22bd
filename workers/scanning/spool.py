"""Columns put aside between two passes over a scan: on this machine's disk, not in its memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np

from workers.scanning.sketches import Columns


class Spool:
    """Keeps shards' columns in order, to be read any number of times.

    Args:
        file: empty, open for writing and reading: a temporary file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._parts = 0

    def put(self, columns: Columns) -> None:
        np.save(self._file, np.array(list(columns)), allow_pickle=False)
        for values in columns.values():
            np.save(self._file, values, allow_pickle=False)
        self._parts += 1

    def read(self) -> Iterator[Columns]:
        """All parts from the first on, while nothing is put."""
        self._file.seek(0)
        for _ in range(self._parts):
            names = np.load(self._file, allow_pickle=False)
            yield {str(name): np.load(self._file, allow_pickle=False) for name in names}
