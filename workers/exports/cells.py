"""Rows of text from columns, by whole columns; and what makes a cell inert wherever it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CSV_NOTE = (
    "CSV: a cell that begins with ' was not safe to show (it began as a formula does, or held "
    "control characters). Take that ' away and undo the JSON escapes of the rest to have it "
    "exactly. All other cells are as they are."
)

# Control characters, and those that turn the direction of what follows.
_CONTROLS = r"\x00-\x1f\x7f-\x{9f}\x{2028}-\x{202e}\x{2066}-\x{2069}"
# What spreadsheets take for a formula, at the start or after what some of them split lines at.
_FORMULA = r"=+@\-\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}"
_UNSAFE_IN_CSV = rf"""^\s*[{_FORMULA}]|^'|[;|]["'\s]*[{_FORMULA}]|[{_CONTROLS}]"""
_UNSAFE_IN_JSON = rf"[<>&{_CONTROLS}]"
_PLAIN_IN_JSON = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\x7f": r"\u007f"}


def csv_rows(columns: Sequence[pa.Array]) -> bytes:
    """Lines of CSV, with quotes where a cell needs them; null is an empty cell.

    Args:
        columns: texts or bytes, of one length.
    """
    return _lines([_quoted(column) for column in columns], b",")


def json_rows(names: Sequence[str], columns: Sequence[pa.Array]) -> bytes:
    """JSON Lines, one object for each row. Texts hold no `<`, `>`, `&` or control characters."""
    cells = []
    for number, (name, column) in enumerate(zip(names, columns, strict=True)):
        before = f"{'{' if number == 0 else ', '}{json.dumps(name)}: "
        cells.append(_between(before, _as_json(column), ""))
    return _lines([*cells, pa.array(["}"] * len(cells[0]), pa.large_string())], b"")


def inert(column: pa.Array) -> pa.Array:
    """Texts as CSV_NOTE says: safe to open with a spreadsheet or to print on a terminal."""
    return _mended(column, _UNSAFE_IN_CSV, _escaped_cell)


def text_of(column: pa.Array) -> pa.Array:
    """Numbers as Python writes them, which reads back to the same."""
    if pa.types.is_floating(column.type):
        texts = [None if value is None else repr(value) for value in column.to_pylist()]
        return pa.array(texts, pa.large_string())
    return column.cast(pa.large_string())


def _quoted(column: pa.Array) -> pa.Array:
    column = column.cast(pa.large_binary())
    needs = pc.match_substring_regex(column, '[",\r\n]')
    if not pc.any(needs).as_py():
        return column
    doubled = pc.replace_substring(column, b'"', b'""')
    return pc.if_else(needs, _between('"', doubled, '"'), column)


def _between(before: str, column: pa.Array, after: str) -> pa.Array:
    texts = [
        pa.scalar(text.encode(), pa.binary()).cast(column.type) for text in (before, after, "")
    ]
    return pc.binary_join_element_wise(texts[0], column, *texts[1:])


def _lines(cells: Sequence[pa.Array], separator: bytes) -> bytes:
    columns = [cell.cast(pa.large_binary()) for cell in cells]
    rows = pc.binary_join_element_wise(
        *columns,
        pa.scalar(separator, pa.large_binary()),
        null_handling="replace",
        null_replacement="",
    )
    rows = _between("", rows, "\n")
    offsets = np.frombuffer(rows.buffers()[1], np.int64)[rows.offset :][: len(rows) + 1]
    return bytes(memoryview(rows.buffers()[2])[offsets[0] : offsets[-1]]) if len(rows) else b""


def _as_json(column: pa.Array) -> pa.Array:
    if pa.types.is_floating(column.type):
        return text_of(column).fill_null("null")
    escaped = pc.replace_substring(column.cast(pa.large_string()), "\\", "\\\\")
    escaped = pc.replace_substring(escaped, '"', '\\"')
    quoted = _between('"', escaped, '"')
    return _mended(quoted, _UNSAFE_IN_JSON, _escaped_json, column).fill_null("null")


def _mended(
    column: pa.Array, unsafe: str, mend: Callable[[str], str], source: pa.Array | None = None
) -> pa.Array:
    """The column, with the cells that are unsafe in `source` (by default itself) mended from it."""
    column = column.cast(pa.large_string())
    source = column if source is None else source.cast(pa.large_string())
    found = pc.match_substring_regex(source, unsafe).fill_null(False)
    if not pc.any(found).as_py():
        return column
    mended = [mend(text) for text in source.filter(found).to_pylist()]
    return pc.replace_with_mask(column, found, pa.array(mended, pa.large_string()))


def _escaped_json(text: str) -> str:
    return "".join(_PLAIN_IN_JSON.get(each, each) for each in json.dumps(text))


def _escaped_cell(text: str) -> str:
    escaped = json.dumps(text)[1:-1].replace('\\"', '"')
    return "'" + escaped.replace(";", r"\u003b").replace("|", r"\u007c").replace("\x7f", r"\u007f")
