"""The patch: a row for each example that was relabelled or found not usable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from app.datasets.example_store import ExampleStore
from workers.exports.cells import csv_rows, inert, json_rows, text_of
from workers.exports.decisions import Decisions
from workers.exports.parts import Form, OutFile, ParquetForm, Piece, TextForm

COLUMNS = ("key", "action", "old", "new", "who", "when", "why", "decided_by", "queue")

_HEADER = ",".join(COLUMNS).encode() + b"\n"
_PIECE_ROWS = 65_536
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


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


def _csv_of(table: pa.Table) -> bytes:
    return csv_rows([_cell(column) for column in _columns(table)])


def _json_of(table: pa.Table) -> bytes:
    return json_rows(COLUMNS, [_readable(column) for column in _columns(table)])


_MEDIA_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


def patch_file(
    kind: str, store: ExampleStore, decisions: Decisions, queues: Sequence[str], part_rows: int
) -> OutFile:
    """
    Args:
        kind: a `PatchFormat`.
        queues: their names.
        part_rows: rows of a part, which holds whole pieces.
    """
    piece_rows = min(_PIECE_ROWS, part_rows)
    form: Form
    if kind == "parquet":
        form = ParquetForm(_schema(store.meta.classes is None), "zstd")
    else:
        header = _HEADER if kind == "csv" else b""
        form = TextForm(header, _TEXTS[kind])
    return OutFile(
        f".{kind}",
        _MEDIA_TYPES[kind],
        form,
        lambda rows, _: _pieces(store, decisions, queues, rows, piece_rows),
    )


_TEXTS: dict[str, Callable[[pa.Table], bytes]] = {"csv": _csv_of, "jsonl": _json_of}


def _columns(table: pa.Table) -> list[pa.Array]:
    return [column.combine_chunks() for column in table.columns]


def _readable(column: pa.Array) -> pa.Array:
    return pc.strftime(column, _MOMENT) if pa.types.is_timestamp(column.type) else column


def _cell(column: pa.Array) -> pa.Array:
    # A number is no formula, whatever its sign.
    if pa.types.is_floating(column.type):
        return text_of(column)
    return inert(_readable(column))
