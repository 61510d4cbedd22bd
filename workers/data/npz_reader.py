"""NumPy archives (`.npz`), read a part at a time from the zip; compressed ones as well."""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy

from app.locations import Location
from workers.data.csv_reader import unfit_modality
from workers.data.errors import (
    ColumnUnusable,
    DatasetUnreadable,
    LengthsDiffer,
    PickleRefused,
)
from workers.data.spec import Chunk, IndexSpec, Layout, require_columns
from workers.data.values import not_finite, texts_of, to_strings, to_table

_SUFFIX = ".npy"
_MAX_ROWS = 65_536
_CHUNK_BYTES = 16 << 20
_MAX_NAMES = 4096
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, struct.error)


class ArrayStream:
    """One array of an archive, read from front to back. Never unpickles.

    Raises:
        PickleRefused: it holds Python objects.
        ValueError: it is not an array, or is cut short.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self._file = file
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        self.shape, self._fortran, self.stored = read_header(file)
        if self.stored.hasobject:
            raise PickleRefused(
                f"The array {name!r} holds Python objects; reading them could run code.",
                field="columns",
                remedy="Save it with a numeric or string dtype: array.astype(str), for instance.",
            )
        self.dtype = _kept_dtype(self.stored)
        self._done = 0
        self._whole: np.ndarray | None = None

    def read(self, rows: int) -> np.ndarray:
        """The next rows, (rows, *shape[1:]), in native byte order."""
        return self.read_stored(rows).astype(self.dtype, copy=False)

    def read_stored(self, rows: int) -> np.ndarray:
        """The same in the dtype of the file."""
        if self._fortran and len(self.shape) > 1:
            return self._read_from_whole(rows)
        size = rows * int(np.prod(self.shape[1:], dtype=np.int64)) * self.stored.itemsize
        data = self._file.read(size)
        if len(data) < size:
            raise ValueError(f"the array {self.name!r} is cut short")
        return np.frombuffer(data, self.stored).reshape(rows, *self.shape[1:])

    def _read_from_whole(self, rows: int) -> np.ndarray:
        """Rows of a column-major array are spread over all of it, so it is held in memory."""
        if self._whole is None:
            count = int(np.prod(self.shape, dtype=np.int64))
            data = self._file.read(count * self.stored.itemsize)
            if len(data) < count * self.stored.itemsize:
                raise ValueError(f"the array {self.name!r} is cut short")
            self._whole = np.frombuffer(data, self.stored).reshape(self.shape, order="F")
        part = self._whole[self._done : self._done + rows]
        self._done += rows
        return np.ascontiguousarray(part)


def _kept_dtype(dtype: np.dtype) -> np.dtype:
    """In native byte order; booleans become float32, long doubles float64."""
    if dtype == np.bool_:
        return np.dtype(np.float32)
    if np.issubdtype(dtype, np.floating) and dtype.itemsize > 8:
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")


class NpzReader:
    """`columns.input` is an array (n, ...), or a list of arrays (n,) that make up a table."""

    def __init__(self, spec: IndexSpec, location: Location) -> None:
        self._spec = spec
        self._location = location
        with self._archive() as archive:
            names = [n.removesuffix(_SUFFIX) for n in archive.namelist() if n.endswith(_SUFFIX)]
            require_columns(spec, names, location.name)
            with self._streams(archive, list(spec.names())) as streams:
                self.label_shape = streams[spec.label].shape
                self.label_dtype = streams[spec.label].stored
                self.row_count = self._common_length(streams)
                self.layout = self._find_layout(streams)
                self._chunk_rows = self._fitting_rows(streams)

    def labels(self) -> Iterator[pa.Array]:
        for _, arrays in self._parts([self._spec.label]):
            yield to_arrow(arrays[self._spec.label])

    def chunks(self) -> Iterator[Chunk]:
        spec = self._spec
        for first_row, arrays in self._parts(list(spec.names())):
            chunk = Chunk(first_row, to_arrow(arrays[spec.label]), [])
            first = arrays[spec.inputs[0]]
            if self.layout.kind == "text":
                chunk.inputs, chunk.reasons = texts_of(to_arrow(first), spec.inputs[0])
            elif isinstance(spec.input, list):
                columns = [to_arrow(arrays[name]) for name in spec.input]
                chunk.inputs, chunk.reasons = to_table(columns, spec.input)
            else:
                chunk.inputs = first.reshape(len(first), *(self.layout.shape or ()))
                chunk.reasons = not_finite(first, spec.input)
            if spec.key is not None:
                chunk.keys, _ = to_strings(to_arrow(arrays[spec.key]), spec.key, "columns.key")
            yield chunk

    def _find_layout(self, streams: dict[str, ArrayStream]) -> Layout:
        spec = self._spec
        names = tuple(spec.inputs)
        if isinstance(spec.input, list):
            for name in names:
                _require_flat(streams[name], "columns.input")
                _require_numeric(streams[name])
            layout = Layout("array", "table", "float32", (len(names),), names)
        elif streams[spec.input].dtype.kind in "US":
            _require_flat(streams[spec.input], "columns.input")
            layout = Layout("text", "text", input_names=names)
        else:
            layout = self._array_layout(streams[spec.input])
        if spec.modality not in (None, layout.modality):
            shape = " x ".join(map(str, layout.shape or ()))
            raise unfit_modality(spec, f"an example of {names[0]!r} is {shape or 'a text'}")
        return layout

    def _array_layout(self, stream: ArrayStream) -> Layout:
        _require_numeric(stream)
        shape = stream.shape[1:] or (1,)
        if 0 in shape or len(shape) > 3:
            raise ColumnUnusable(
                f"The array {stream.name!r} has the shape {stream.shape}.",
                field="columns.input",
                remedy="Give (n,), (n, columns), (n, height, width) or (n, height, width, "
                "channels), none of them 0.",
            )
        if len(shape) > 1 and self._spec.modality != "table":
            return Layout("array", "image", stream.dtype.str, shape, (stream.name,))
        count = int(np.prod(shape))
        names = tuple(f"{stream.name}[{i}]" for i in range(count)) if count <= _MAX_NAMES else ()
        if count == 1:
            names = (stream.name,)
        return Layout("array", "table", stream.dtype.str, shape, names)

    def _common_length(self, streams: dict[str, ArrayStream]) -> int:
        for stream in streams.values():
            if not stream.shape:
                raise ColumnUnusable(
                    f"The array {stream.name!r} is a single value, not one per example.",
                    field="columns",
                    remedy="Name an array whose first dimension counts the examples.",
                )
        lengths = {stream.name: stream.shape[0] for stream in streams.values()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
            raise LengthsDiffer(
                f"The arrays differ in length ({listed}).",
                field="columns",
                remedy="Each array needs one entry per example, in the same order.",
            )
        for name, where in ((self._spec.label, "columns.label"), (self._spec.key, "columns.key")):
            if name is not None:
                _require_flat(streams[name], where)
        return next(iter(lengths.values()))

    def _fitting_rows(self, streams: dict[str, ArrayStream]) -> int:
        row_bytes = sum(
            int(np.prod(stream.shape[1:], dtype=np.int64)) * stream.dtype.itemsize
            for stream in streams.values()
        )
        return max(1, min(_MAX_ROWS, _CHUNK_BYTES // max(row_bytes, 1)))

    def _parts(self, names: Sequence[str]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        with self._archive() as archive, self._streams(archive, names) as streams:
            for start in range(0, self.row_count, self._chunk_rows):
                rows = min(self._chunk_rows, self.row_count - start)
                yield start, {name: stream.read(rows) for name, stream in streams.items()}

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        try:
            with self._location.open() as file, zipfile.ZipFile(file) as archive:
                yield archive
        except _DAMAGED as error:
            raise DatasetUnreadable(
                f"{self._location.name} cannot be read as .npz: {error}.",
                field="uri",
                remedy="Check that the file is whole; numpy.savez or numpy.savez_compressed "
                "writes such files.",
            ) from error

    @contextmanager
    def _streams(
        self, archive: zipfile.ZipFile, names: Sequence[str]
    ) -> Iterator[dict[str, ArrayStream]]:
        with ExitStack() as stack:
            yield {
                name: ArrayStream(stack.enter_context(archive.open(name + _SUFFIX)), name)
                for name in names
            }


def to_arrow(array: np.ndarray) -> pa.Array:
    array = array.reshape(len(array))
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype.kind == "S":
        return pa.array(array.tolist(), pa.binary())
    return pa.array(array)


def _require_flat(stream: ArrayStream, where: str) -> None:
    """(n,), or (n, 1) as some tools write it."""
    if stream.shape[1:] not in ((), (1,)):
        raise ColumnUnusable(
            f"The array {stream.name!r} has the shape {stream.shape}, not one value per example.",
            field=where,
            remedy="Give an array (n,): for one-hot labels, array.argmax(axis=1).",
        )
    if stream.dtype.kind not in "biufUS":
        raise ColumnUnusable(
            f"The array {stream.name!r} holds {stream.dtype}.",
            field=where,
            remedy="Give numbers or strings.",
        )


def _require_numeric(stream: ArrayStream) -> None:
    if stream.dtype.kind not in "iuf":
        raise ColumnUnusable(
            f"The array {stream.name!r} holds {stream.dtype}, which cannot be an input.",
            field="columns.input",
            remedy="Give real numbers, or strings in one array.",
        )
