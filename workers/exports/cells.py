"""Rows of text from columns, by whole columns; and what makes a cell inert wherever it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleantrace.reports.escaping import CONTROLS, UNSAFE_IN_CSV, escaped_cell

CSV_NOTE = (
    "CSV: a cell that begins with ' was not safe to show (it began as a formula does, or held "
    "control characters). Take that ' away and undo the JSON escapes of the rest to have it "
    "exactly. All other cells are as they are."
)

# Control characters, and those that turn the direction of what follows.
_LOOKED_AT_ROWS = 1024
_UNSAFE_IN_JSON = f"[<>&{CONTROLS}]"
_PLAIN_IN_JSON = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\x7f": r"\u007f"})


def csv_rows(columns: Sequence[pa.Array]) -> bytes:
    """Lines of CSV, with quotes where a cell needs them; null is an empty cell.

    Args:
        columns: texts or bytes, of one length.
    """
    parts: list[Any] = []
    for column in columns:
        parts += [_by_value(column, _quoted), ","]
    return _joined([*parts[:-1], "\n"])


def json_rows(names: Sequence[str], columns: Sequence[pa.Array]) -> bytes:
    """JSON Lines, one object for each row. Texts hold no `<`, `>`, `&` or control characters."""
    parts: list[Any] = []
    for name, column in zip(names, columns, strict=True):
        before = f"{', ' if parts else '{'}{json.dumps(name)}: "
        parts += [before, _by_value(column, _as_json).fill_null("null")]
    return _joined([*parts, "}\n"])


def inert(column: pa.Array) -> pa.Array:
    """Texts as CSV_NOTE says: safe to open with a spreadsheet or to print on a terminal."""
    return _by_value(column, lambda cells: _mended(cells, UNSAFE_IN_CSV, escaped_cell))


def text_of(column: pa.Array) -> pa.Array:
    """Numbers as Python writes them, which reads back to the same; `true` and `false`."""
    if pa.types.is_floating(column.type):
        texts = [None if value is None else repr(value) for value in column.to_pylist()]
        return pa.array(texts, pa.large_string())
    return column.cast(pa.large_string())


def _by_value(column: pa.Array, work: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """What becomes of a column, looking once at each value where the same ones come often."""
    looked_at = column.slice(0, _LOOKED_AT_ROWS)
    if 4 * len(looked_at.unique()) > len(looked_at):
        return work(column)
    encoded = column.dictionary_encode()
    if 4 * len(encoded.dictionary) > len(column):
        return work(column)
    return work(encoded.dictionary).take(encoded.indices)


def _quoted(column: pa.Array) -> pa.Array:
    column = column.cast(pa.large_binary())
    # Most columns hold none of these anywhere, which is found ten times as quickly.
    data = _data_of(column)
    if not any(byte in data for byte in (b'"', b",", b"\r", b"\n")):
        return column
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


def _joined(parts: Sequence[pa.Array | str]) -> bytes:
    """What stands side by side in columns, and what is the same in each row; null is nothing."""
    kind = pa.large_binary()
    columns = [
        pa.scalar(part.encode(), kind) if isinstance(part, str) else part.cast(kind)
        for part in parts
    ]
    empty = pa.scalar(b"", kind)
    options = {"null_handling": "replace", "null_replacement": ""}
    rows = pc.binary_join_element_wise(*columns, empty, **options)
    return _data_of(rows)


def _data_of(column: pa.Array) -> bytes:
    """The bytes of all values of a large binary column, one after the other."""
    if not len(column):
        return b""
    offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset :][: len(column) + 1]
    return bytes(memoryview(column.buffers()[2] or b"")[offsets[0] : offsets[-1]])


def _as_json(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        return text_of(column)
    escaped = pc.replace_substring(column.cast(pa.large_string()), "\\", "\\\\")
    escaped = pc.replace_substring(escaped, '"', '\\"')
    quoted = _between('"', escaped, '"')
    return _mended(quoted, _UNSAFE_IN_JSON, inert_json, column)


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


def inert_json(value: Any, *, indent: int | None = None) -> str:
    """JSON in ASCII, in whose texts nothing is left that a browser or a terminal would act on."""
    return json.dumps(value, indent=indent, allow_nan=False).translate(_PLAIN_IN_JSON)
