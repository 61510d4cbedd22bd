"""CSV: comma-separated, with a header, UTF-8; `.gz` is unpacked while reading.

Everything is read as bytes and turned into numbers here, so that a bad value is one bad row.
"""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from pyarrow import csv as arrow_csv

from app.locations import Location
from workers.data.errors import DatasetUnreadable
from workers.data.spec import Chunk, IndexSpec, Layout, require_columns
from workers.data.values import shown, texts_of, to_strings, to_table

SUFFIXES = (".csv", ".csv.gz")
_BLOCK_BYTES = 4 << 20
_PEEKED_ROWS = 1000


class CsvReader:
    """A file, a folder of files or a glob; rows are numbered through, headers not counted."""

    row_count = None

    def __init__(self, spec: IndexSpec, location: Location) -> None:
        self._spec = spec
        self.files = location.expand(SUFFIXES)
        for file in self.files:
            require_columns(spec, csv_header(file), file.name)
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
    with _opened(file, None) as reader:
        return [] if reader is None else list(reader.schema.names)


def stream_csv(file: Location, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns as bytes, some thousands of rows at a time.

    Raises:
        DatasetUnreadable: the file does not parse; names the row.
    """
    with _opened(file, columns) as reader:
        if reader is not None:
            yield from reader


@contextmanager
def _opened(
    file: Location, columns: Sequence[str] | None
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
                read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
                parse_options=arrow_csv.ParseOptions(
                    newlines_in_values=True, invalid_row_handler=remember
                ),
                convert_options=convert,
            )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            yield None
            return
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
