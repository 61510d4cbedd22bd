"""Parquet: one file, a folder of files or a glob, read a batch of rows at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from app.locations import Location
from workers.data.csv_reader import unfit_modality
from workers.data.errors import ColumnUnusable, DatasetUnreadable
from workers.data.images import MAX_BYTES, ImageRejected, decode_image
from workers.data.parallel import map_in_threads
from workers.data.spec import Chunk, IndexSpec, Layout, require_columns
from workers.data.values import (
    Reasons,
    is_bytes,
    is_number,
    is_text,
    texts_of,
    to_floats,
    to_strings,
    to_table,
)

SUFFIXES = (".parquet", ".pq")
_BATCH_ROWS = 4096
_IMAGE_BATCH_ROWS = 256
_BUFFER_BYTES = 1 << 20


class ParquetReader:
    """Inputs are, by the column's type: texts, encoded images (bytes, or a struct with `bytes`),
    vectors (lists of numbers of one length), or numbers.
    """

    def __init__(self, spec: IndexSpec, location: Location) -> None:
        self._spec = spec
        self.files = location.expand(SUFFIXES)
        self.row_count = 0
        for i, file in enumerate(self.files):
            with open_parquet(file) as opened:
                require_columns(spec, opened.schema_arrow.names, file.name)
                self.row_count += opened.metadata.num_rows
                if i == 0:
                    schema = opened.schema_arrow
        self.layout = self._find_layout(schema)

    def labels(self) -> Iterator[pa.Array]:
        for _, batch in self._batches([self._spec.label]):
            yield batch.column(0)

    def chunks(self) -> Iterator[Chunk]:
        for first_row, batch in self._batches(list(self._spec.names())):
            yield self.chunk(first_row, batch)

    def chunk(self, first_row: int, batch: pa.RecordBatch) -> Chunk:
        """Rows of the source that hold all columns needed, and perhaps others."""
        spec = self._spec
        chunk = Chunk(first_row, batch.column(spec.label), [])
        columns = [batch.column(name) for name in spec.inputs]
        if self.layout.kind == "text":
            chunk.inputs, chunk.reasons = texts_of(columns[0], spec.inputs[0])
        elif self.layout.kind == "encoded_image":
            chunk.inputs, chunk.reasons = _images(columns[0], spec.inputs[0])
        elif _is_list(columns[0].type):
            chunk.inputs, chunk.reasons = self._vectors(columns[0])
        else:
            chunk.inputs, chunk.reasons = to_table(columns, spec.inputs)
        if spec.key is not None:
            chunk.keys, _ = to_strings(batch.column(spec.key), spec.key, "columns.key")
        return chunk

    def _find_layout(self, schema: pa.Schema) -> Layout:
        spec = self._spec
        names = tuple(spec.inputs)
        kind = schema.field(names[0]).type
        alone = len(names) == 1
        if alone and _is_image(kind):
            layout = Layout("encoded_image", "image", input_names=names)
        elif alone and is_text(kind) and isinstance(spec.input, str) and spec.modality != "table":
            layout = Layout("text", "text", input_names=names)
        elif alone and _is_list(kind):
            length = self._vector_length()
            parts = tuple(f"{names[0]}[{i}]" for i in range(length))
            layout = Layout("array", "table", "float32", (length,), parts)
        else:
            for name in names:
                self._require_numeric(name, schema.field(name).type)
            layout = Layout("array", "table", "float32", (len(names),), names)
        if spec.modality not in (None, layout.modality):
            raise unfit_modality(spec, f"column {names[0]!r} holds {kind}")
        return layout

    def _require_numeric(self, name: str, kind: pa.DataType) -> None:
        if not (is_number(kind) or is_text(kind) or pa.types.is_null(kind)):
            raise ColumnUnusable(
                f"Column {name!r} holds {kind}, which cannot be an input"
                f"{' of a table' if len(self._spec.inputs) > 1 else ''}.",
                field="columns.input",
                remedy="Name numeric columns, or one column of texts, of encoded images (bytes), "
                "or of lists of numbers.",
            )

    def _vector_length(self) -> int:
        """That of the first vector; others of another length are bad rows."""
        for _, batch in self._batches([self._spec.inputs[0]]):
            column = batch.column(0)
            if not is_number(column.type.value_type):
                break
            lengths = pc.list_value_length(column).drop_null()
            if len(lengths) and lengths[0].as_py() > 0:
                return int(lengths[0].as_py())
        raise ColumnUnusable(
            f"Column {self._spec.inputs[0]!r} holds no lists of numbers.",
            field="columns.input",
            remedy="Store vectors as lists of numbers, and images as encoded bytes or as `.npz`.",
        )

    def _vectors(self, column: pa.Array) -> tuple[np.ndarray, Reasons]:
        assert self.layout.shape is not None
        (length,) = self.layout.shape
        name = self._spec.inputs[0]
        lengths = pc.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False)
        good = lengths == length
        reasons = {
            int(i): f"missing value in column {name!r}"
            if lengths[i] < 0
            else f"{lengths[i]} numbers in column {name!r}, not {length}"
            for i in np.flatnonzero(~good)
        }
        vectors = np.zeros((len(column), length), np.float32)
        # Good rows alone: nulls and lists of other lengths would shift the flat values.
        flat = column.filter(pa.array(good)).flatten()
        values, bad = to_floats(flat, name, "columns.input")
        vectors[good] = values.reshape(-1, length)
        for i in np.flatnonzero(good)[sorted({i // length for i in bad})] if bad else ():
            reasons[int(i)] = f"missing, NaN or infinite value in column {name!r}"
        return vectors, reasons

    @property
    def batch_rows(self) -> int:
        is_image = getattr(self, "layout", None) and self.layout.kind == "encoded_image"
        return _IMAGE_BATCH_ROWS if is_image else _BATCH_ROWS

    def _batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        first_row = 0
        for file in self.files:
            with open_parquet(file) as opened:
                for batch in opened.iter_batches(self.batch_rows, columns=list(columns)):
                    yield first_row, batch
                    first_row += batch.num_rows


def _images(column: pa.Array, name: str) -> tuple[list[bytes | None], Reasons]:
    if pa.types.is_struct(column.type):
        column = pc.struct_field(column, "bytes")
    images: list[bytes | None] = column.to_pylist()
    found = map_in_threads(_why_unusable, images)
    return images, {i: f"{why} in column {name!r}" for i, why in enumerate(found) if why}


def _why_unusable(data: bytes | None) -> str | None:
    if not data:
        return "missing image"
    if len(data) > MAX_BYTES:
        return f"image of more than {MAX_BYTES >> 20} MiB"
    try:
        decode_image(data)
    except ImageRejected as error:
        return str(error)
    return None


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and is_bytes(kind.field("bytes").type)
    return is_bytes(kind)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


@contextmanager
def open_parquet(file: Location) -> Iterator[parquet.ParquetFile]:
    """Raises DatasetUnreadable."""
    try:
        with file.open() as opened:
            yield parquet.ParquetFile(
                opened, buffer_size=_BUFFER_BYTES, page_checksum_verification=True
            )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise DatasetUnreadable(
            f"{file.name} cannot be read as Parquet: {error}.",
            field="uri",
            remedy="Check that the file is whole, and that `format` is what it is.",
        ) from error
