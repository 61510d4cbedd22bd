"""CSV: comma-separated, with a header, UTF-8; `.gz` is unpacked while reading.

Everything is read as bytes and turned into numbers here, so that a bad value is one bad row.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast

import pyarrow as pa
from pyarrow import csv as arrow_csv

from app.locations import Location
from workers.data.errors import DatasetUnreadable
from workers.data.spec import Chunk, IndexSpec, Layout, require_columns
from workers.data.values import shown, texts_of, to_strings, to_table

SUFFIXES = (".csv", ".csv.gz")
# Arrow reads 32 blocks ahead of whoever takes them, and a row must fit into one.
_BLOCK_BYTES = 512 << 10
_LARGE_BLOCK_BYTES = 8 << 20
_BATCH_BYTES = 4 << 20
_PEEKED_ROWS = 1000


class CsvReader:
    """A file, a folder of files or a glob; rows are numbered through, headers not counted."""

    row_count = None

    def __init__(self, spec: IndexSpec, location: Location) -> None:
        self._spec = spec
        self.files = location.expand(SUFFIXES)
        self.headers = [csv_header(file) for file in self.files]
        for file, names in zip(self.files, self.headers, strict=True):
            require_columns(spec, names, file.name)
        self.layout = self._find_layout()

    def labels(self) -> Iterator[pa.Array]:
        for _, batch in self._batches([self._spec.label]):
            yield batch.column(0)

    def chunks(self) -> Iterator[Chunk]:
        for first_row, batch in self._batches(list(self._spec.names())):
            yield self.chunk(first_row, batch)

    def chunk(self, first_row: int, batch: pa.RecordBatch) -> Chunk:
        """Rows of the source that hold all columns needed, and perhaps others."""
        spec = self._spec
        columns = [batch.column(name) for name in spec.inputs]
        chunk = Chunk(first_row, batch.column(spec.label), [])
        if self.layout.kind == "text":
            chunk.inputs, chunk.reasons = texts_of(columns[0], spec.inputs[0])
        else:
            chunk.inputs, chunk.reasons = to_table(columns, spec.inputs)
        if spec.key is not None:
            chunk.keys, _ = to_strings(batch.column(spec.key), spec.key, "columns.key")
        return chunk

    def _find_layout(self) -> Layout:
        spec = self._spec
        names = tuple(spec.inputs)
        is_text = spec.modality == "text"
        if spec.modality is None and isinstance(spec.input, str):
            is_text = not self._looks_numeric(spec.input)
        if spec.modality == "image" or (is_text and len(names) > 1):
            raise unfit_modality(spec, "a CSV holds tables, or texts in one column")
        if is_text:
            return Layout("text", "text", input_names=names)
        return Layout("array", "table", "float32", (len(names),), names)

    def _looks_numeric(self, column: str) -> bool:
        """Whether at least half of the first values are numbers: one typing error is no text."""
        for _, batch in self._batches([column]):
            values = batch.column(0).slice(0, _PEEKED_ROWS)
            _, reasons = to_table([values], [column])
            return 2 * len(reasons) <= len(values)
        return True

    def _batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        first_row = 0
        for file in self.files:
            for batch in stream_csv(file, columns):
                yield first_row, batch
                first_row += batch.num_rows


def unfit_modality(spec: IndexSpec, why: str) -> DatasetUnreadable:
    return DatasetUnreadable(
        f"The inputs cannot be of modality {spec.modality}: {why}.",
        field="modality",
        remedy="Leave `modality` out to have it found, or name other input columns.",
    )


def csv_header(file: Location) -> list[str]:
    """The column names; an empty file has none.

    Raises:
        DatasetUnreadable: the file does not parse.
    """
    for block_bytes in (_BLOCK_BYTES, _LARGE_BLOCK_BYTES):
        with suppress(_RowTooLong), _opened(file, None, block_bytes) as reader:
            return [] if reader is None else list(reader.schema.names)
    raise _row_too_long(file)


def stream_csv(file: Location, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns as bytes, some thousands of rows at a time.

    Raises:
        DatasetUnreadable: the file does not parse; names the row.
    """
    done = 0
    for block_bytes in (_BLOCK_BYTES, _LARGE_BLOCK_BYTES):
        with suppress(_RowTooLong), _opened(file, columns, block_bytes) as reader:
            for batch in _grouped(_after(done, reader or ())):
                done += batch.num_rows
                yield batch
            return
    raise _row_too_long(file)


def _after(done: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows behind the first so many."""
    for batch in batches:
        skipped = min(done, batch.num_rows)
        done -= skipped
        if skipped < batch.num_rows:
            yield batch.slice(skipped)


def _grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """As few larger batches: each costs the same whatever it holds."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(each.nbytes for each in group) >= _BATCH_BYTES:
            yield from _joined(group)
            group = []
    if group:
        yield from _joined(group)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """One, unless that could not be."""
    return cast(
        "list[pa.RecordBatch]", pa.Table.from_batches(batches).combine_chunks().to_batches()
    )


class _RowTooLong(Exception):
    """A row is longer than a block."""


def _row_too_long(file: Location) -> DatasetUnreadable:
    return DatasetUnreadable(
        f"{file.name} has a row of more than {_LARGE_BLOCK_BYTES >> 20} MB.",
        field="uri",
        remedy="Check its quotes: one that is not closed makes one row of all that follows.",
    )


@contextmanager
def _opened(
    file: Location, columns: Sequence[str] | None, block_bytes: int
) -> Iterator[arrow_csv.CSVStreamingReader | None]:
    bad: list[arrow_csv.InvalidRow] = []

    def remember(row: arrow_csv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    convert = arrow_csv.ConvertOptions(
        include_columns=columns,
        column_types={name: pa.binary() for name in columns or ()},
        strings_can_be_null=False,
        null_values=[],
        check_utf8=False,
    )
    try:
        with file.open(compression="infer") as opened:
            yield arrow_csv.open_csv(
                opened,
                # In one thread, for rows to be numbered.
                read_options=arrow_csv.ReadOptions(use_threads=False, block_size=block_bytes),
                parse_options=arrow_csv.ParseOptions(
                    newlines_in_values=True, invalid_row_handler=remember
                ),
                convert_options=convert,
            )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            yield None
            return
        if "straddling" in str(error):
            raise _RowTooLong from error
        raise _does_not_parse(file, bad, error) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetUnreadable(
            f"{file.name} cannot be read: {error}.",
            field="uri",
            remedy="Check that the file is whole and that workers may read it.",
        ) from error


def _does_not_parse(
    file: Location, bad: list[arrow_csv.InvalidRow], error: Exception
) -> DatasetUnreadable:
    if not bad:
        detail = f"{file.name} does not parse as CSV: {error}."
    else:
        row = bad[0]
        where = "" if row.number is None else f"Row {row.number - 2} (line {row.number}) of "
        detail = (
            f"{where}{file.name} has {row.actual_columns} fields, the header has "
            f"{row.expected_columns}: {shown(row.text)}."
        )
    return DatasetUnreadable(
        detail,
        field="uri",
        remedy="Correct the file: quote values that hold commas or line breaks, with quotes "
        "inside them doubled.",
    )
