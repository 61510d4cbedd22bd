"""Rows that Postgres COPYs out, as batches of columns. Streamed: memory does not grow."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv

_BLOCK_BYTES = 4 << 20


def batches_of(chunks: Iterator[memoryview | bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of `app.db.copy_out`, whose columns are those of the schema."""
    stream = _Chunks(chunks)
    if stream.is_empty:
        return
    yield from csv.open_csv(
        pa.PythonFile(stream, "r"),
        csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=schema.names),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file to be read."""

    def __init__(self, chunks: Iterator[memoryview | bytes]) -> None:
        self._chunks = chunks
        self._left = bytes(next(chunks, b""))
        self.is_empty = not self._left

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, found = [self._left], len(self._left)
        while size < 0 or found < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(bytes(chunk))
            found += len(chunk)
        data = b"".join(parts)
        if size < 0:
            size = found
        self._left = data[size:]
        return data[:size]
