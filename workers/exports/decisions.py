"""What was decided of each example: taken from the database once, read from a file afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.db import reading_one_moment
from app.reviews.decisions import DECISION_COLUMNS, copy_decisions, count_undecided
from workers.exports.copied import batches_of

_TYPES = {
    "position": pa.int32(),
    "outcome": pa.string(),
    "label": pa.int32(),
    "value": pa.float64(),
    "settled_by": pa.string(),
    "who": pa.string(),
    "at": pa.int64(),
    "why": pa.string(),
    "queue": pa.int32(),
    "in_conflict": pa.bool_(),
}
_SCHEMA = pa.schema([(name, _TYPES[name]) for name in DECISION_COLUMNS])


@dataclass
class Taken:
    """Counts of what was taken."""

    as_of: datetime
    disputed: int
    unsure: int
    outcomes: Counter[str] = field(default_factory=Counter)
    queues: Counter[int] = field(default_factory=Counter)
    conflicts: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of.astimezone(UTC).isoformat(),
            "disputed": self.disputed,
            "unsure": self.unsure,
            "outcomes": dict(self.outcomes),
            "queues": {str(number): count for number, count in self.queues.items()},
            "conflicts": self.conflicts,
        }

    def add(self, batch: pa.RecordBatch) -> None:
        for name, counter in (("outcome", self.outcomes), ("queue", self.queues)):
            for each in batch.column(name).value_counts().to_pylist():
                counter[each["values"]] += each["counts"]
        self.conflicts += int(pc.sum(batch.column("in_conflict")).as_py() or 0)


def take_decisions(queue_ids: Sequence[UUID], path: Path) -> Taken:
    """Write what was settled in these queues, by position. Streamed: memory does not grow."""
    with reading_one_moment() as db:
        undecided = count_undecided(db, queue_ids)
        taken = Taken(undecided.at, undecided.disputed, undecided.unsure)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
            for batch in batches_of(copy_decisions(db, queue_ids), _SCHEMA):
                if batch.num_rows:
                    taken.add(batch)
                    writer.write_batch(batch)
    return taken


@dataclass(frozen=True)
class Found:
    """What was decided about some examples, as arrays of one length.

    Attributes:
        at: where each example stands in the range that was asked about.
        is_removed, is_relabelled: bool; neither is where the given label is right.
        labels: class indices of what is relabelled.
        values: the same of a regression.
    """

    at: np.ndarray
    is_removed: np.ndarray
    is_relabelled: np.ndarray
    labels: np.ndarray
    values: np.ndarray


class Decisions:
    """Reads what `take_decisions` wrote; memory-mapped."""

    def __init__(self, path: Path) -> None:
        self._reader = pa.ipc.open_file(pa.memory_map(str(path), "rb"))
        batches = [self._reader.get_batch(i) for i in range(self._reader.num_record_batches)]
        self._starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        self._firsts = np.array([batch.column(0)[0].as_py() for batch in batches], np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def rows(self, start: int, stop: int) -> pa.Table:
        """Decisions by their number, with all columns."""
        parts = []
        for number in range(len(self._firsts)):
            low, high = self._starts[number], self._starts[number + 1]
            if high > start and low < stop:
                batch = self._reader.get_batch(number)
                first = max(start - low, 0)
                parts.append(batch.slice(first, min(stop, high) - low - first))
        return pa.Table.from_batches(parts, _SCHEMA).combine_chunks()

    def between(self, start: int, stop: int) -> Found:
        """Decisions about the examples at positions start..stop-1."""
        first = max(int(np.searchsorted(self._firsts, start, "right")) - 1, 0)
        last = int(np.searchsorted(self._firsts, stop, "left"))
        parts = []
        for number in range(first, last):
            batch = self._reader.get_batch(number)
            positions = batch.column("position").to_numpy()
            low, high = np.searchsorted(positions, (start, stop))
            parts.append(batch.slice(low, high - low))
        table = pa.Table.from_batches(parts, _SCHEMA)
        outcome = table.column("outcome")
        return Found(
            at=table.column("position").to_numpy() - start,
            is_removed=pc.equal(outcome, "unusable").to_numpy(),
            is_relabelled=pc.equal(outcome, "relabel").to_numpy(),
            labels=table.column("label").fill_null(-1).to_numpy(),
            values=table.column("value").fill_null(np.nan).to_numpy(),
        )
