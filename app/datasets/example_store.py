"""The example store: one file with all accepted examples of a dataset, in order.

Written once by indexing; read by the dashboard's pages and by scans. It is an Arrow IPC file:
memory-mapped, so a reader touches only the rows it asks for. Free of torch.

Every record batch but the last holds `batch_rows` rows (noted in the file, 4096 unless examples
are large), so that position `p` stands in batch `p // batch_rows`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

import numpy as np
import pyarrow as pa

from app.datasets.identity import DIGEST_BYTES, contents_of, digests_of, identities
from app.datasets.image_file import ImageFile, read_image_file
from app.errors import Conflict

Kind = Literal["array", "encoded_image", "image_file", "text"]

BATCH_ROWS = 4096
_BATCH_BYTES = 64 << 20
_ENCODED_IMAGE_ROWS = 256
_METADATA_KEY = b"cleantrace"


class StoreUnreadable(Conflict):
    """Not an example store, or a damaged one."""

    title = "Example store unreadable"
    code = "example-store-unreadable"


@dataclass(frozen=True)
class StoreMeta:
    """What the examples of a store are.

    Attributes:
        kind: how inputs are stored.
        task: "classification" or "regression".
        modality: "image", "table" or "text".
        dtype, shape: numpy dtype and shape of one input, for kind "array" only.
        input_names: column, array or folder the inputs come from; one name per number of a
            table.
        classes: class names by index; None in a regression.
        batch_rows: rows in a record batch; chosen by the size of an example.
    """

    kind: Kind
    task: str
    modality: str
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    input_names: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    batch_rows: int = field(default=0)

    def __post_init__(self) -> None:
        if (self.kind == "array") != (self.dtype is not None and self.shape is not None):
            raise ValueError("dtype and shape belong to kind 'array', and to it alone")
        if self.batch_rows == 0:
            object.__setattr__(self, "batch_rows", self._fitting_batch_rows())

    @property
    def example_bytes(self) -> int:
        """Size of one stored array."""
        assert self.dtype is not None
        assert self.shape is not None
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))

    @property
    def label_dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int32 if self.task == "classification" else np.float64)

    def _fitting_batch_rows(self) -> int:
        if self.kind == "encoded_image":
            return _ENCODED_IMAGE_ROWS
        rows = BATCH_ROWS
        while self.kind == "array" and rows > 1 and rows * self.example_bytes > _BATCH_BYTES:
            rows //= 2
        return rows

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "StoreMeta":
        values = json.loads(text)
        for name in ("shape", "input_names", "classes"):
            if values[name] is not None:
                values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True)
class Rows:
    """Consecutive examples.

    Attributes:
        keys: (n,)
        labels: (n,) int32 class indices, or float64 targets.
        inputs: (n, *shape) array for kind "array"; bytes for both image kinds; str for text.
    """

    keys: list[str]
    labels: np.ndarray
    inputs: np.ndarray | list[bytes] | list[str] | list[ImageFile]

    def __len__(self) -> int:
        return len(self.keys)


class ExampleStoreWriter:
    """Writes a store. Use as a context manager: an exception removes the unfinished file."""

    def __init__(self, path: str | Path, meta: StoreMeta) -> None:
        self.meta = meta
        self.count = 0
        self._path = Path(path)
        self._schema = _schema(meta)
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0

    def append(
        self,
        keys: Sequence[str],
        labels: np.ndarray | Sequence[float],
        inputs: np.ndarray | Sequence[bytes] | Sequence[str] | Sequence[ImageFile],
    ) -> None:
        """Add examples, any number at a time.

        Args:
            keys: (n,) keys, each of them once in a store (not checked here).
            labels: (n,) class indices or targets.
            inputs: (n, *shape) array, or n values, as the kind asks for.
        Raises:
            ValueError: the three differ in length, or an array has another dtype or shape.
        """
        if not len(keys) == len(labels) == len(inputs):
            raise ValueError(f"{len(keys)} keys, {len(labels)} labels, {len(inputs)} inputs")
        columns = [
            pa.array(keys, pa.string()),
            pa.array(np.ascontiguousarray(labels, self.meta.label_dtype)),
            self._input_column(inputs),
            pa.array(digests_of(contents_of(inputs)), pa.binary(DIGEST_BYTES)),
        ]
        self._pending.append(pa.record_batch(columns, schema=self._schema))
        self._pending_rows += len(keys)
        self.count += len(keys)
        if self._pending_rows >= self.meta.batch_rows:
            self._write_full_batches()

    def close(self) -> None:
        if self._pending_rows:
            table = pa.Table.from_batches(self._pending).combine_chunks()
            self._writer.write_table(table, max_chunksize=self.meta.batch_rows)
        self._pending, self._pending_rows = [], 0
        self._writer.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def _write_full_batches(self) -> None:
        size = self.meta.batch_rows
        table = pa.Table.from_batches(self._pending).combine_chunks()
        full = table.num_rows // size * size
        self._writer.write_table(table.slice(0, full), max_chunksize=size)
        rest = table.slice(full)
        self._pending = rest.to_batches() if rest.num_rows else []
        self._pending_rows = rest.num_rows

    def _input_column(self, inputs: Any) -> pa.Array:
        if self.meta.kind == "array":
            assert self.meta.dtype is not None
            array = np.asarray(inputs)
            if array.dtype != np.dtype(self.meta.dtype) or array.shape[1:] != self.meta.shape:
                raise ValueError(
                    f"inputs are {array.dtype} {array.shape[1:]}, "
                    f"the store holds {self.meta.dtype} {self.meta.shape}"
                )
            data = pa.py_buffer(np.ascontiguousarray(array))
            kind = self._schema.field("input").type
            return pa.Array.from_buffers(kind, len(array), [None, data])
        if self.meta.kind == "image_file":
            values = [{"uri": file.uri, "sha256": file.sha256} for file in inputs]
            return pa.array(values, self._schema.field("input").type)
        return pa.array(inputs, self._schema.field("input").type)


class ExampleStore:
    """Reads a store. Cheap to open; safe to share between threads.

    Raises:
        StoreUnreadable: the file is not a whole example store.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._reader = pa.ipc.open_file(pa.memory_map(str(path), "rb"))
            self._schema = self._reader.schema
            self.meta = StoreMeta.from_json(self._schema.metadata[_METADATA_KEY])
        except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as error:
            raise StoreUnreadable(
                f"The example store {self.path.name} cannot be read: {error}.",
                remedy="Index the dataset again.",
            ) from error
        batches = self._reader.num_record_batches
        last = self._reader.get_batch(batches - 1).num_rows if batches else 0
        self._count = max(batches - 1, 0) * self.meta.batch_rows + last

    def __len__(self) -> int:
        return self._count

    def rows(self, start: int, stop: int) -> Rows:
        """Examples at positions start..stop-1, with their inputs.

        Arrays are views of the file where the range lies in one record batch. Image files are
        read and compared with their hashes.

        Raises:
            IndexError: the range is not within the store.
            ExampleChanged: an image file is gone or not what was indexed; names it.
        """
        parts = list(self._parts(start, stop))
        keys, labels = _keys_and_labels(parts, self.meta)
        return Rows(keys, labels, self._inputs(parts))

    def row(self, position: int) -> Rows:
        """The one example at a position, as `rows` of length 1."""
        return self.rows(position, position + 1)

    def keys_and_labels(self, start: int, stop: int) -> tuple[list[str], np.ndarray]:
        """As `rows`, without touching the inputs: no image file is read."""
        return _keys_and_labels(list(self._parts(start, stop)), self.meta)

    def labels(self) -> np.ndarray:
        """Of all examples, (n,), without touching the rest; the caller's own to change."""
        parts = [part.column("label").to_numpy() for part in self._parts(0, self._count)]
        return np.concatenate([np.empty(0, self.meta.label_dtype), *parts])

    def keys_and_labels_at(self, positions: np.ndarray) -> tuple[pa.ChunkedArray, np.ndarray]:
        """The same of any positions (n,), ascending, by whole columns."""
        breaks = np.flatnonzero(np.diff(positions // self.meta.batch_rows)) + 1
        keys, labels = [], [np.empty(0, self.meta.label_dtype)]
        for run in np.split(positions, breaks) if len(positions) else ():
            number, _ = divmod(int(run[0]), self.meta.batch_rows)
            part = self._reader.get_batch(number)
            part = part.select(["key", "label"]).take(pa.array(run - number * self.meta.batch_rows))
            keys.append(part.column("key"))
            labels.append(part.column("label").to_numpy())
        return pa.chunked_array(keys, pa.string()), np.concatenate(labels)

    def unread(self, start: int, stop: int) -> Rows:
        """As `rows`, but images of a folder are not read: each input is an `ImageFile`."""
        parts = list(self._parts(start, stop))
        keys, labels = _keys_and_labels(parts, self.meta)
        if self.meta.kind != "image_file":
            return Rows(keys, labels, self._inputs(parts))
        files = [ImageFile(**value) for part in parts for value in part.column("input").to_pylist()]
        return Rows(keys, labels, files)

    def columns(self, start: int, stop: int) -> pa.Table:
        """Keys, labels and contents of a range, as `key`, `label` and `content`.

        The content of an array is its bytes, that of a folder's image its SHA-256: no file is read.
        """
        parts = list(self._parts(start, stop))
        table = pa.Table.from_batches(parts, self._schema).combine_chunks()
        content = table.column("input").combine_chunks()
        if self.meta.kind == "image_file":
            content = content.field("sha256")
        return pa.table(
            {"key": table.column("key"), "label": table.column("label"), "content": content}
        )

    def hashes(self, start: int, stop: int) -> pa.Table:
        """Keys, labels and hashes of a range, as `key`, `label`, `digest` and `sha256`.

        `digest` is BLAKE2b of a content, `sha256` (hex) that of a folder's image; null elsewhere.
        """
        names = ["key", "label", "digest"]
        is_file = self.meta.kind == "image_file"
        parts = [
            part.select([*names, "input"] if is_file else names)
            for part in self._parts(start, stop)
        ]
        table = pa.Table.from_batches(parts).combine_chunks()
        if not is_file:
            return table.append_column("sha256", pa.nulls(table.num_rows, pa.string()))
        sha256 = table.column("input").combine_chunks().field("sha256")
        return table.select(names).append_column("sha256", sha256)

    def take(self, positions: np.ndarray) -> Rows:
        """The examples at these positions (n,), ascending; as `rows`, and raises the same."""
        breaks = np.flatnonzero(np.diff(positions) != 1) + 1
        runs = [run for run in np.split(positions, breaks) if len(run)]
        parts = [part for run in runs for part in self._parts(int(run[0]), int(run[-1]) + 1)]
        keys, labels = _keys_and_labels(parts, self.meta)
        return Rows(keys, labels, self._inputs(parts))

    def identities(self, labels: np.ndarray | None = None) -> np.ndarray:
        """(n, 2) uint64: equal for examples that are equal in content and label.

        Args:
            labels: (n,), as if the examples had these.
        """
        found = np.empty((self._count, 2), np.uint64)
        at = 0
        for part in self._parts(0, self._count):
            digests = _digests(part)
            own = part.column("label").to_numpy() if labels is None else labels[at:][: len(digests)]
            found[at : at + len(digests)] = identities(digests, own)
            at += len(digests)
        return found

    def digests_at(self, positions: np.ndarray) -> np.ndarray:
        """(n, 2) uint64, equal for equal contents, of any positions (n,) in any order."""
        order = np.argsort(positions, kind="stable")
        ordered = positions[order]
        breaks = np.flatnonzero(np.diff(ordered // self.meta.batch_rows)) + 1
        found = np.empty((len(positions), 2), np.uint64)
        for places in np.split(order, breaks) if len(order) else ():
            number, _ = divmod(int(positions[places[0]]), self.meta.batch_rows)
            part = _digests(self._reader.get_batch(number))
            found[places] = part[positions[places] - number * self.meta.batch_rows]
        return found

    def _parts(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        if not 0 <= start <= stop <= self._count:
            raise IndexError(f"rows {start} to {stop} of {self._count}")
        size = self.meta.batch_rows
        while start < stop:
            batch, offset = divmod(start, size)
            length = min(stop - start, size - offset)
            yield self._reader.get_batch(batch).slice(offset, length)
            start += length

    def _inputs(self, parts: list[pa.RecordBatch]) -> np.ndarray | list[bytes] | list[str]:
        columns = [part.column("input") for part in parts]
        if self.meta.kind == "array":
            arrays = [self._as_array(column) for column in columns]
            if len(arrays) == 1:
                return arrays[0]
            assert self.meta.shape is not None
            empty = np.empty((0, *self.meta.shape), self.meta.dtype)
            return np.concatenate(arrays) if arrays else empty
        values = [value for column in columns for value in column.to_pylist()]
        if self.meta.kind == "image_file":
            return [read_image_file(ImageFile(**value)) for value in values]
        return cast("list[bytes] | list[str]", values)

    def _as_array(self, column: pa.Array) -> np.ndarray:
        assert self.meta.dtype is not None
        assert self.meta.shape is not None
        width = self.meta.example_bytes
        data = memoryview(column.buffers()[1])[column.offset * width :][: len(column) * width]
        return np.frombuffer(data, self.meta.dtype).reshape(len(column), *self.meta.shape)


def _digests(part: pa.RecordBatch) -> np.ndarray:
    """(n, 2) uint64, a view of the file."""
    column = part.column("digest")
    data = memoryview(column.buffers()[1])[column.offset * DIGEST_BYTES :]
    return np.frombuffer(data, np.uint64, 2 * len(column)).reshape(-1, 2)


def _keys_and_labels(parts: list[pa.RecordBatch], meta: StoreMeta) -> tuple[list[str], np.ndarray]:
    keys: list[str] = []
    for part in parts:
        keys.extend(part.column("key").to_pylist())
    arrays = [part.column("label").to_numpy() for part in parts]
    if len(arrays) == 1:
        return keys, arrays[0]
    return keys, np.concatenate(arrays) if arrays else np.empty(0, meta.label_dtype)


def _schema(meta: StoreMeta) -> pa.Schema:
    types: dict[str, pa.DataType] = {
        "array": pa.binary(meta.example_bytes) if meta.kind == "array" else None,
        # 64-bit offsets: a batch of large images may pass 2 GiB.
        "encoded_image": pa.large_binary(),
        "image_file": pa.struct({"uri": pa.string(), "sha256": pa.string()}),
        "text": pa.large_string(),
    }
    label = pa.int32() if meta.task == "classification" else pa.float64()
    return pa.schema(
        [
            ("key", pa.string()),
            ("label", label),
            ("input", types[meta.kind]),
            ("digest", pa.binary(DIGEST_BYTES)),
        ],
        metadata={_METADATA_KEY: meta.to_json()},
    )
