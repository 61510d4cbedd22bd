"""Rows for COPY as CSV, written column by column in C (pyarrow), not row by row in Python."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import csv


def csv_lines(table: pa.Table) -> bytes:
    """The table as CSV without a header; null is an empty field, which COPY reads as NULL."""
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    return bytes(sink.getvalue().to_pybytes())


def repeat(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), count)
