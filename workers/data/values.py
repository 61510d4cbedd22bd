"""Columns of values as they stand in a source, turned into numbers and strings.

Each function gives the values and, for every row that has none, the reason.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workers.data.errors import ColumnUnusable

Reasons = dict[int, str]

_SHOWN = 40


def shown(value: object) -> str:
    """A user's value, short enough for a message."""
    text = str(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def plain(column: pa.Array) -> pa.Array:
    """Without dictionary encoding."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def to_strings(column: pa.Array, name: str, field: str) -> tuple[pa.Array, Reasons]:
    """Text, or numbers as text. Bytes must be UTF-8.

    Raises:
        ColumnUnusable: values of another kind.
    """
    column = plain(column)
    if pa.types.is_null(column.type):
        return column.cast(pa.string()), {}
    if is_text(column.type):
        return column, {}
    if is_bytes(column.type):
        try:
            return column.cast(pa.large_string()), {}
        except pa.ArrowInvalid:
            return _decode_each(column, name)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return column.cast(pa.string()), {}
    raise ColumnUnusable(
        f"Column {name!r} holds {column.type}, which cannot be read as text.",
        field=field,
        remedy="Name a column of strings or numbers.",
    )


def _decode_each(column: pa.Array, name: str) -> tuple[pa.Array, Reasons]:
    values: list[str | None] = []
    reasons: Reasons = {}
    for i, value in enumerate(column.to_pylist()):
        try:
            values.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            values.append(None)
            reasons[i] = f"column {name!r} is not UTF-8"
    return pa.array(values, pa.large_string()), reasons


def to_floats(
    column: pa.Array, name: str, field: str, dtype: type[np.floating] = np.float32
) -> tuple[np.ndarray, Reasons]:
    """Finite numbers, (n,) of `dtype`; text is parsed.

    Raises:
        ColumnUnusable: values of another kind.
    """
    column = plain(column)
    if is_bytes(column.type) or is_text(column.type):
        numbers, reasons = _parse_floats(column, name, field)
    elif is_number(column.type) or pa.types.is_null(column.type):
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        reasons = {
            int(i): f"missing value in column {name!r}"
            for i in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
        }
    else:
        raise ColumnUnusable(
            f"Column {name!r} holds {column.type}, not numbers.",
            field=field,
            remedy="Name a numeric column, or turn this one into numbers first.",
        )
    with np.errstate(over="ignore"):
        values = numbers.astype(dtype)
    for i in np.flatnonzero(~np.isfinite(values)):
        reasons.setdefault(int(i), f"{_how_bad(numbers[i])} in column {name!r}")
    return values, reasons


def _how_bad(value: float) -> str:
    if np.isnan(value):
        return "NaN"
    return "infinite value" if np.isinf(value) else f"{value:g}, too large for a 32-bit float,"


def _parse_floats(column: pa.Array, name: str, field: str) -> tuple[np.ndarray, Reasons]:
    texts, reasons = to_strings(column, name, field)
    texts = pc.utf8_trim_whitespace(texts)
    try:
        numbers = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if not texts.null_count:
            return numbers, reasons
    except pa.ArrowInvalid:
        pass  # find out which below
    values = np.full(len(texts), np.nan)
    for i, text in enumerate(texts.to_pylist()):
        if not text:
            reasons.setdefault(i, f"missing value in column {name!r}")
            continue
        try:
            if "_" in text:  # Python alone reads 1_000 as a number
                raise ValueError
            values[i] = float(text)
        except ValueError:
            reasons.setdefault(i, f"{shown(text)} in column {name!r} is not a number")
    return values, reasons


def to_table(
    columns: list[pa.Array], names: list[str], field: str = "columns.input"
) -> tuple[np.ndarray, Reasons]:
    """Columns side by side: (n, len(columns)) float32."""
    table = np.empty((len(columns[0]), len(columns)), np.float32)
    reasons: Reasons = {}
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        table[:, i], bad = to_floats(column, name, field)
        reasons = bad | reasons
    return table, reasons


def not_finite(array: np.ndarray, name: str) -> Reasons:
    """Rows of an (n, ...) array that hold NaN or infinite values."""
    if not np.issubdtype(array.dtype, np.floating):
        return {}
    flat = array.reshape(len(array), -1)
    bad = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    return {
        int(i): f"{'NaN' if np.isnan(flat[i]).any() else 'infinite value'} in {name!r}" for i in bad
    }


def texts_of(column: pa.Array, name: str) -> tuple[list[str | None], Reasons]:
    """Texts that hold more than white space."""
    strings, reasons = to_strings(column, name, "columns.input")
    texts: list[str | None] = strings.to_pylist()
    for i, text in enumerate(texts):
        if text is None:
            reasons.setdefault(i, f"missing text in column {name!r}")
        elif not text.strip():
            reasons[i] = f"empty text in column {name!r}"
    return texts, reasons
