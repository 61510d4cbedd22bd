"""Tables of our own as a file: CSV whose cells are inert, JSON Lines, or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from workers.exports.cells import csv_rows, inert, json_rows, text_of
from workers.exports.parts import Form, OutFile, ParquetForm, Piece, TextForm

_MEDIA_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


def table_file(
    kind: str, schema: pa.Schema, pieces: Callable[[int, int], Iterator[Piece]]
) -> OutFile:
    """
    Args:
        kind: a `TableFormat`.
        schema: of the pieces' tables.
    """
    form: Form
    if kind == "parquet":
        form = ParquetForm(schema, "zstd")
    elif kind == "csv":
        form = TextForm(",".join(schema.names).encode() + b"\n", _csv_of)
    else:
        form = TextForm(b"", _json_of)
    return OutFile(f".{kind}", _MEDIA_TYPES[kind], form, pieces)


def _csv_of(table: pa.Table) -> bytes:
    return csv_rows([_cell(column.combine_chunks()) for column in table.columns])


def _json_of(table: pa.Table) -> bytes:
    columns = [_readable(column.combine_chunks()) for column in table.columns]
    return json_rows(table.column_names, columns)


def _readable(column: pa.Array) -> pa.Array:
    if not pa.types.is_timestamp(column.type):
        return column
    return pc.replace_substring(column.cast(pa.string()), " ", "T")


def _cell(column: pa.Array) -> pa.Array:
    column = _readable(column)
    # A number is no formula, whatever its sign.
    return inert(column) if pa.types.is_string(column.type) else text_of(column)
