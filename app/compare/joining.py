"""Two versions of a dataset joined by key, block by block: memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.compare import queries
from app.compare.errors import NotComparable
from app.datasets.models import Dataset, Task


@dataclass(frozen=True)
class Block:
    """Some of the examples of either version, as columns of one length.

    now, was: (n,) int32 positions; -1 where a version has no example of the key.
    label, label_was: (n,) indices into `all_classes`, -1 for none, or targets, NaN for none.
    """

    now: np.ndarray
    was: np.ndarray
    label: np.ndarray
    label_was: np.ndarray

    @property
    def in_both(self) -> np.ndarray:
        both: np.ndarray = (self.now >= 0) & (self.was >= 0)
        return both

    @property
    def is_relabelled(self) -> np.ndarray:
        changed: np.ndarray = self.in_both & (self.label != self.label_was)
        return changed


def all_classes(now: Dataset, was: Dataset) -> list[str]:
    """The classes of the one, and those that only the other has."""
    return list(dict.fromkeys([*(now.classes or []), *(was.classes or [])]))


def joined(db: Session, now: Dataset, was: Dataset) -> Iterator[Block]:
    """Raises NotComparable: the one has classes, the other numbers."""
    if now.task != was.task:
        raise NotComparable(
            f"One is a {now.task}, the other a {was.task}: their labels have nothing in common.",
            remedy="Compare versions of one dataset.",
        )
    has_targets = now.task == Task.regression
    kind = ">f8" if has_targets else ">i4"
    index = {name: number for number, name in enumerate(all_classes(now, was))}
    # A class may have another index in the other version. -1, for none, stays what it is.
    renumbered = np.array([*(index[name] for name in was.classes or []), -1], np.int32)
    for row in queries.joined_blocks(db, now.id, was.id, has_targets=has_targets):
        label_was = np.frombuffer(row.label_was, kind)
        yield Block(
            np.frombuffer(row.now, ">i4").astype(np.int32),
            np.frombuffer(row.was, ">i4").astype(np.int32),
            np.frombuffer(row.label, kind).astype(kind[1:]),
            label_was.astype("f8") if has_targets else renumbered[label_was],
        )
