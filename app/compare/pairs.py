"""Two scans whose examples are joined by key."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.compare.joining import joined
from app.compare.scan_schemas import Fate
from app.datasets.models import Dataset
from app.kept import KeptArrays
from app.scans.columns import score_columns
from app.scans.results import Results, open_results

_MOST_BYTES = 128 * 1024 * 1024
_kept: KeptArrays[tuple[UUID, UUID]] = KeptArrays(_MOST_BYTES)
_NAMES = ("rank", "suspicion", "flagged")


class Pair:
    """Two complete scans whose examples are joined by key.

    partners: (n,) of each example of `now`, by position: `was`, its position before, or -1, and
        `is_relabelled`.
    """

    def __init__(self, db: Session, now: Results, was: Results) -> None:
        self.now = now
        self.was = was
        self.score = now.scan.score
        self.partners = _partners(db, now.dataset, was.dataset)
        self.columns = score_columns(db, now.scan, (*_NAMES, self.score))
        self.columns_was = score_columns(db, was.scan, (*_NAMES, self.score))

    @cached_property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions now and before, (m,) each, of the examples that both scans have."""
        here = np.flatnonzero(self.partners["was"] >= 0)
        return here, self.partners["was"][here]

    @cached_property
    def removed(self) -> np.ndarray:
        """Positions before of examples that are no longer there."""
        is_there = np.zeros(self.was.scan.example_count, bool)
        is_there[self.both[1]] = True
        return np.flatnonzero(~is_there)

    def flags(self, fate: Fate) -> tuple[np.ndarray, np.ndarray]:
        """Positions now and before, (m,) each, of the flags with a fate; -1 for none."""
        here = np.flatnonzero(self.columns["flagged"])
        there = self.partners["was"][here]
        # Of -1 the last one would be asked, so those are told apart first.
        kept = (there >= 0) & self.columns_was["flagged"][there]
        if fate is Fate.kept:
            return here[kept], there[kept]
        if fate is Fate.new:
            return here[~kept], there[~kept]
        partner = np.full(self.was.scan.example_count, -1)
        partner[self.both[1]] = self.both[0]
        is_gone = self.columns_was["flagged"].copy()
        is_gone[there[kept]] = False
        gone = np.flatnonzero(is_gone)
        return partner[gone], gone


def open_pair(db: Session, caller: Caller, scan_id: UUID, with_id: UUID) -> Pair:
    """A scan and the one before.

    Raises:
        ScanNotFound, ScanNotComplete, NotComparable.
        UnderBlindReview: the caller reviews one of the datasets, and is not to know.
    """
    now, was = open_results(db, caller, scan_id), open_results(db, caller, with_id)
    return Pair(db, now, was)


def _partners(db: Session, now: Dataset, was: Dataset) -> np.ndarray:
    found = _kept.get((now.id, was.id))
    if found is None:
        row = np.dtype([("was", "i4"), ("is_relabelled", "?")])
        found = np.zeros(now.example_count or 0, row)
        if now.id == was.id:
            found["was"] = np.arange(len(found))
        else:
            found["was"] = -1
            for block in joined(db, now, was):
                here = block.in_both
                found["was"][block.now[here]] = block.was[here]
                found["is_relabelled"][block.now[here]] = block.is_relabelled[here]
        _kept.put((now.id, was.id), found)
    return found
