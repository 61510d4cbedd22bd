"""Writing a file in parts that outlive the worker, and making one file of them at the end."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pyarrow import parquet

from app.artifacts import ArtifactStore
from workers.exports.progress import Part, Progress

PART_ROWS = 262_144
_PART_BYTES = 256 << 20
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Consecutive rows to write.

    Attributes:
        rows, examples: how much of the source is done with it, as in `Part`.
    """

    table: pa.Table
    rows: int
    examples: int


class Form(Protocol):
    """How rows become a file."""

    suffix: str
    """Of a part."""

    def write(self, pieces: Iterable[pa.Table], path: Path) -> None:
        """Write a part."""
        ...

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """Make the file."""
        ...


class TextForm:
    """Rows as bytes: a header, the parts one after the other, and a footer."""

    suffix = ".part"

    def __init__(
        self,
        header: bytes,
        encode: Callable[[pa.Table], bytes],
        *,
        footer: bytes = b"",
        is_gzip: bool = False,
    ) -> None:
        self._header = header
        self._footer = footer
        self._encode = encode
        self._is_gzip = is_gzip

    def write(self, pieces: Iterable[pa.Table], path: Path) -> None:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(self._packed(self._encode(piece)))

    def _packed(self, data: bytes) -> bytes:
        # Members of gzip one after the other are gzip; without a time it is always the same.
        return gzip.compress(data, mtime=0) if self._is_gzip and data else data

    def join(self, parts: Sequence[Path], path: Path) -> None:
        with path.open("wb") as file:
            file.write(self._packed(self._header))
            for part in parts:
                with part.open("rb") as opened:
                    shutil.copyfileobj(opened, file, _READ_BYTES)
            file.write(self._packed(self._footer))


class ParquetForm:
    """Parts are Arrow streams; each piece becomes a row group.

    Two Parquet files cannot be joined without writing them anew, and this costs less.
    """

    suffix = ".arrow"

    def __init__(self, schema: pa.Schema, compression: str) -> None:
        self._schema = schema
        self._compression = compression

    def write(self, pieces: Iterable[pa.Table], path: Path) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, self._schema) as writer:
            for piece in pieces:
                writer.write_table(piece.cast(self._schema), max_chunksize=piece.num_rows)

    def join(self, parts: Sequence[Path], path: Path) -> None:
        options = {"compression": self._compression, "write_page_checksum": True}
        with parquet.ParquetWriter(path, self._schema, **options) as writer:
            for part in parts:
                with ExitStack() as stack:
                    source = stack.enter_context(pa.memory_map(str(part), "rb"))
                    for batch in stack.enter_context(pa.ipc.open_stream(source)):
                        table = pa.Table.from_batches([batch])
                        writer.write_table(table, row_group_size=max(batch.num_rows, 1))


@dataclass(frozen=True)
class OutFile:
    """A file to be made.

    Attributes:
        pieces: from rows of its source and examples of the dataset that are done already.
    """

    suffix: str
    media_type: str
    form: Form
    pieces: Callable[[int, int], Iterator[Piece]]


def write_parts(
    form: Form,
    pieces: Iterable[Piece],
    *,
    progress: Progress,
    artifacts: ArtifactStore,
    name: Callable[[str, str], str],
    part_rows: int = PART_ROWS,
) -> None:
    """Write the rest of a file, and keep each part as soon as it is whole.

    Args:
        name: from an ending and a suffix to an artifact's name.
        part_rows: rows of the source in a part.
    """
    rest = _Pieces(pieces, progress.parts[-1].rows if progress.parts else 0, part_rows)
    while rest.has_more():
        artifact = name(f"-part{len(progress.parts)}", form.suffix)
        with artifacts.writer(artifact) as path:
            form.write(rest.of_part(), path)
        progress.add(Part(artifact, rest.last.rows, rest.last.examples, rest.written))


class _Pieces:
    """Deals pieces out to parts, whose ends depend on the source alone."""

    def __init__(self, pieces: Iterable[Piece], rows_done: int, part_rows: int) -> None:
        self._pieces = iter(pieces)
        self._next = next(self._pieces, None)
        self._rows_done = rows_done
        self._part_rows = part_rows
        self.written = 0

    def has_more(self) -> bool:
        return self._next is not None

    def of_part(self) -> Iterable[pa.Table]:
        self.written, size = 0, 0
        while self._next is not None:
            self.last = self._next
            if self.last.table.num_rows:
                yield self.last.table
            self.written += self.last.table.num_rows
            size += self.last.table.nbytes
            self._next = next(self._pieces, None)
            if self.last.rows - self._rows_done >= self._part_rows or size >= _PART_BYTES:
                break
        self._rows_done = self.last.rows


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
