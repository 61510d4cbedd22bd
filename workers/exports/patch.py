"""The patch: a row for each example that was relabelled or found not usable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from app.datasets.example_store import ExampleStore
from workers.exports.decisions import Decisions
from workers.exports.parts import OutFile, Piece
from workers.exports.report import table_file

COLUMNS = ("key", "action", "old", "new", "who", "when", "why", "decided_by", "queue")

_PIECE_ROWS = 65_536


def _pieces(
    store: ExampleStore, decisions: Decisions, queues: Sequence[str], start: int, size: int
) -> Iterator[Piece]:
    """The patch from a decision on, in the order of examples."""
    for first in range(start, len(decisions), size):
        stop = min(first + size, len(decisions))
        table = decisions.rows(first, stop)
        table = table.filter(pc.not_equal(table.column("outcome"), "right"))
        yield Piece(_patch_of(store, table, queues), rows=stop, examples=0)


def _patch_of(store: ExampleStore, table: pa.Table, queues: Sequence[str]) -> pa.Table:
    keys, given = store.keys_and_labels_at(table.column("position").to_numpy())
    if store.meta.classes is None:
        old, new = pa.array(given), table.column("value")
    else:
        classes = pa.array(store.meta.classes, pa.string())
        old, new = classes.take(pa.array(given)), classes.take(table.column("label"))
    is_removed = pc.equal(table.column("outcome"), "unusable")
    columns = (
        keys,
        pc.if_else(is_removed, "remove", "relabel"),
        old,
        new,
        table.column("who"),
        table.column("at").cast(pa.timestamp("us", "UTC")),
        table.column("why"),
        table.column("settled_by"),
        pa.array(queues, pa.string()).take(table.column("queue")),
    )
    return pa.table(dict(zip(COLUMNS, columns, strict=True))).combine_chunks()


def _schema(is_regression: bool) -> pa.Schema:
    kinds = dict.fromkeys(COLUMNS, pa.string()) | {"when": pa.timestamp("us", "UTC")}
    if is_regression:
        kinds |= {"old": pa.float64(), "new": pa.float64()}
    return pa.schema(list(kinds.items()))


def patch_file(
    kind: str, store: ExampleStore, decisions: Decisions, queues: Sequence[str], part_rows: int
) -> OutFile:
    """
    Args:
        kind: a `TableFormat`.
        queues: their names.
        part_rows: rows of a part, which holds whole pieces.
    """
    piece_rows = min(_PIECE_ROWS, part_rows)
    return table_file(
        kind,
        _schema(store.meta.classes is None),
        lambda rows, _: _pieces(store, decisions, queues, rows, piece_rows),
    )
