"""A scan's scores as columns, for what looks at all examples at once.

The results of a complete scan never change, so what was read is kept, within bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from app.kept import KeptArrays
from app.scans import column_queries as queries
from app.scans.models import Scan

_IN_A_BLOCK = 1 << 17  # examples that come as one value of a few MB
_MOST_BYTES = 256 * 1024 * 1024
_FLAGGED = "flagged"

Columns = dict[str, np.ndarray]


def score_columns(db: Session, scan: Scan, names: Sequence[str]) -> Columns:
    """Columns of a complete scan by name, each (example_count,) in the order of positions.

    Args:
        names: of Score; also `flagged`.
    Returns:
        `flagged` bool; `rank` (0 for none) and labels (-1 for none) int32; all else float64, NaN
        where there is no score. They are shared: do not write to them.
    """
    kept = {name: _kept.get((scan.id, name)) for name in names}
    found = {name: column for name, column in kept.items() if column is not None}
    missing = [name for name in dict.fromkeys(names) if name not in found]
    stored = [name for name in missing if name != _FLAGGED]
    if stored:
        found |= _read(db, scan, stored)
    if _FLAGGED in missing:
        positions = np.frombuffer(queries.packed_flags(db, scan.id), dtype=">i4")
        found[_FLAGGED] = np.zeros(scan.example_count, dtype=bool)
        found[_FLAGGED][positions] = True
    for name in missing:
        _kept.put((scan.id, name), found[name])
    return found


def _read(db: Session, scan: Scan, names: Sequence[str]) -> Columns:
    columns: Columns = {
        name: np.zeros(scan.example_count, dtype=np.int32)
        if name in queries.INTEGERS
        else np.full(scan.example_count, np.nan)
        for name in names
    }
    for start in range(0, scan.example_count, _IN_A_BLOCK):
        block = queries.packed_scores(db, scan.id, names, start, start + _IN_A_BLOCK)
        if block.position is None:
            continue
        positions = np.frombuffer(block.position, dtype=">i4")
        for name in names:
            packed = ">i4" if name in queries.INTEGERS else ">f8"
            columns[name][positions] = np.frombuffer(getattr(block, name), dtype=packed)
    return columns


_kept: KeptArrays[tuple[UUID, str]] = KeptArrays(_MOST_BYTES)
