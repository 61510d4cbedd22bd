"""Indexing: read a data set once from front to back, keep the good rows, list the bad ones."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from app.datasets.example_store import ExampleStoreWriter, StoreMeta
from app.datasets.identity import contents_of
from app.locations import Location
from app.uploads.places import find_registered
from workers.data.csv_reader import CsvReader
from workers.data.errors import BadRowsFound, DatasetEmpty, FormatUnsupported, RejectedRow
from workers.data.folder_reader import open_folder
from workers.data.keys import ContentKeys, SeenHashes, hash_keys
from workers.data.labels import LabelReader, find_classes, read_targets
from workers.data.npz_reader import NpzReader
from workers.data.parquet_reader import ParquetReader
from workers.data.spec import Chunk, IndexSpec, Inputs, Reader, spec_of
from workers.data.values import Reasons, shown

__all__ = ["READERS", "IndexResult", "IndexSpec", "index_dataset", "spec_of"]

MAX_LISTED_ROWS = 1000
_SHOWN_ROWS = 5
_MAX_KEY_BYTES = 1024  # what a database index takes, with room to spare

Progress = Callable[[int, int | None], None]

READERS: dict[str, Callable[[IndexSpec, Location], Reader]] = {
    "parquet": ParquetReader,
    "csv": CsvReader,
    "npz": NpzReader,
    "image_folder": open_folder,
}


@dataclass(frozen=True)
class IndexResult:
    """What indexing found.

    Attributes:
        count: accepted examples.
        classes: class names by index; None in a regression.
        class_counts: examples of each class, 0 included; None in a regression.
        fingerprint: SHA-256 (hex) over keys, labels and content of the examples, in order.
        rejected: the first MAX_LISTED_ROWS rows that were not accepted.
    """

    count: int
    classes: tuple[str, ...] | None
    modality: str
    input_names: tuple[str, ...]
    fingerprint: str
    rejected: list[RejectedRow]
    rejected_count: int
    class_counts: dict[str, int] | None


def index_dataset(
    spec: IndexSpec,
    out_path: str | Path,
    *,
    allowed_roots: Sequence[str],
    on_progress: Progress | None = None,
) -> IndexResult:
    """Write the example store of a dataset.

    Args:
        out_path: the store to write; it is there only if this returns.
        allowed_roots: as in `app.locations.resolve_location`; checked again while reading.
        on_progress: called with (rows done, rows in all or None), often. What it raises ends the
            indexing.
    Raises:
        ProblemError: of `workers.data.errors` or `app.locations`: the data set as a whole
            cannot be used, or has bad rows and `on_bad_rows` is "fail".
    """
    report = on_progress or _ignore
    if spec.format not in READERS:
        raise FormatUnsupported(
            f"The format {spec.format!r} is not supported.",
            field="format",
            remedy=f"Use one of: {', '.join(READERS)}.",
        )
    location = find_registered(spec.uri, allowed_roots)
    reader = READERS[spec.format](spec, location)
    report(0, reader.row_count)
    job = _Indexing(spec, reader, _classes(spec, reader, report))
    with ExampleStoreWriter(out_path, job.meta) as writer:
        for chunk in reader.chunks():
            job.take(chunk, writer)
            report(job.rows_done, reader.row_count)
        return job.result()


def _ignore(done: int, total: int | None) -> None:
    pass


def _classes(spec: IndexSpec, reader: Reader, report: Progress) -> tuple[str, ...] | None:
    if spec.task == "regression":
        return None
    if spec.classes is not None:
        return tuple(spec.classes)
    found = find_classes(
        reader.labels(), _label_name(spec), on_column=lambda: report(0, reader.row_count)
    )
    if not found:
        raise _empty("it holds no labelled row")
    return found


def _label_name(spec: IndexSpec) -> str:
    return spec.column("label") or "label"


@dataclass
class _Indexing:
    """The state of one pass over a data set."""

    spec: IndexSpec
    reader: Reader
    classes: tuple[str, ...] | None
    rows_done: int = 0
    count: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    rejected_count: int = 0

    def __post_init__(self) -> None:
        layout = self.reader.layout
        self.meta = StoreMeta(
            kind=layout.kind,
            task=self.spec.task,
            modality=layout.modality,
            dtype=layout.dtype,
            shape=layout.shape,
            input_names=layout.input_names,
            classes=self.classes,
        )
        self._labels = LabelReader(self.classes) if self.classes is not None else None
        self._seen_keys = SeenHashes()
        self._content_keys = ContentKeys()
        self._class_counts = np.zeros(len(self.classes or ()), np.int64)
        self._fingerprint = Fingerprint(self.meta)

    def take(self, chunk: Chunk, writer: ExampleStoreWriter) -> None:
        labels, reasons = self._read_labels(chunk)
        for i, reason in chunk.reasons.items():
            reasons[i] = f"{reasons[i]}; {reason}" if i in reasons else reason
        keys = None if chunk.keys is None else chunk.keys.to_pylist()
        if keys is not None:
            self._check_keys(keys, reasons)
        self._reject(chunk.first_row, keys, reasons)
        self.rows_done = chunk.first_row + len(chunk.labels)
        # A data set that is going to be refused is read on only to count its bad rows.
        if self.rejected_count and self.spec.on_bad_rows != "skip":
            return
        good = [i for i in range(len(chunk.labels)) if i not in reasons]
        if good:
            self._accept(good, keys, labels, chunk.inputs, writer)

    def _read_labels(self, chunk: Chunk) -> tuple[np.ndarray, Reasons]:
        name = _label_name(self.spec)
        if self._labels is None:
            return read_targets(chunk.labels, name)
        return self._labels.read(chunk.labels, name)

    def _check_keys(self, keys: list[str | None], reasons: Reasons) -> None:
        """A key counts as taken by the first row with it that is otherwise good."""
        for i, key in enumerate(keys):
            if not key:
                reasons.setdefault(i, "missing key")
            elif "\0" in key:
                reasons.setdefault(i, "key holds a NUL character")
                keys[i] = None
            elif len(key.encode()) > _MAX_KEY_BYTES:
                reasons.setdefault(i, f"key of more than {_MAX_KEY_BYTES} bytes")
                keys[i] = None
        good = [i for i in range(len(keys)) if i not in reasons]
        seen = self._seen_keys.add(hash_keys([cast(str, keys[i]) for i in good]))
        for again in np.flatnonzero(seen):
            reasons[good[again]] = f"duplicate key {shown(keys[good[again]])}"

    def _reject(self, first_row: int, keys: list[str | None] | None, reasons: Reasons) -> None:
        for i in sorted(reasons)[: MAX_LISTED_ROWS - len(self.rejected)]:
            key = keys[i] if keys is not None else None
            self.rejected.append(RejectedRow(first_row + i, key or None, reasons[i]))
        self.rejected_count += len(reasons)

    def _accept(
        self,
        good: list[int],
        keys: list[str | None] | None,
        labels: np.ndarray,
        inputs: Inputs,
        writer: ExampleStoreWriter,
    ) -> None:
        everything = len(good) == len(labels)
        labels = labels if everything else labels[good]
        kept: Any
        if isinstance(inputs, np.ndarray):
            kept = np.ascontiguousarray(inputs if everything else inputs[good])
        else:
            kept = [inputs[i] for i in good]
        contents = contents_of(kept)
        if keys is None:
            names = self._content_keys.make(contents)
        else:
            names = [cast(str, keys[i]) for i in good]
        writer.append(names, labels, kept)
        self._fingerprint.update(names, labels, contents)
        self.count += len(good)
        if self.classes is not None:
            self._class_counts += np.bincount(labels, minlength=len(self.classes))

    def result(self) -> IndexResult:
        """Raises BadRowsFound, DatasetEmpty."""
        if self.rejected_count and self.spec.on_bad_rows != "skip":
            raise self._bad_rows()
        if not self.count:
            if not self.rejected_count:
                raise _empty("it holds no row")
            first = self.rejected[0]
            raise _empty(
                f"none of its {self.rejected_count} rows can be used; row {first.row}: "
                f"{first.reason}",
                self.rejected,
            )
        counts = None
        if self.classes is not None:
            counts = dict(zip(self.classes, self._class_counts.tolist(), strict=True))
        return IndexResult(
            count=self.count,
            classes=self.classes,
            modality=self.meta.modality,
            input_names=self.meta.input_names,
            fingerprint=self._fingerprint.hexdigest(),
            rejected=self.rejected,
            rejected_count=self.rejected_count,
            class_counts=counts,
        )

    def _bad_rows(self) -> BadRowsFound:
        listed = "; ".join(_line(row) for row in self.rejected[:_SHOWN_ROWS])
        more = self.rejected_count - min(self.rejected_count, _SHOWN_ROWS)
        rows = "1 row" if self.rejected_count == 1 else f"{self.rejected_count} rows"
        return BadRowsFound(
            f"{rows} of {self.rows_done} cannot be used: {listed}"
            f"{f'; and {more} more' if more else ''}.",
            field="uri",
            remedy="Correct these rows and register the data again, or register it with "
            '"on_bad_rows": "skip" to leave them out.',
            rejected=self.rejected,
        )


def _line(row: RejectedRow) -> str:
    key = f" (key {shown(row.key)})" if row.key is not None else ""
    return f"row {row.row}{key}: {row.reason}"


def _empty(why: str, rejected: Sequence[RejectedRow] = ()) -> DatasetEmpty:
    return DatasetEmpty(
        f"The data set is empty: {why}.",
        field="uri",
        remedy="Check that this is the right file, and that its columns are those named.",
        rejected=rejected,
    )


class Fingerprint:
    """SHA-256 of a dataset, whatever the parts it is read in.

    Over: kind, task, dtype, shape and classes; then the SHA-256 of all keys, that of all labels
    and that of all contents, each in order. Keys and contents go with their lengths before them,
    so that no two data sets give the same bytes.
    """

    def __init__(self, meta: StoreMeta) -> None:
        head = [meta.kind, meta.task, meta.dtype, meta.shape, meta.classes]
        self._whole = hashlib.sha256(json.dumps(head).encode())
        self._keys = hashlib.sha256()
        self._labels = hashlib.sha256()
        self._contents = hashlib.sha256()

    def update(
        self,
        keys: Sequence[str] | pa.Array,
        labels: np.ndarray,
        contents: Sequence[bytes | memoryview] | pa.Array,
    ) -> None:
        self._labels.update(np.ascontiguousarray(labels).data)
        self._keys.update(_framed(keys))
        self._contents.update(_framed(contents))

    def hexdigest(self) -> str:
        whole = self._whole.copy()
        for part in (self._keys, self._labels, self._contents):
            whole.update(part.digest())
        return whole.hexdigest()


def _framed(values: Sequence[str | bytes | memoryview] | pa.Array) -> memoryview:
    """The bytes of all values, each with its length before it in 8 bytes, little endian."""
    count = len(values)
    if count == 0:
        return memoryview(b"")
    column = values if isinstance(values, pa.Array) else pa.array(values, pa.large_binary())
    column = column.cast(pa.large_binary())
    offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset :][: count + 1]
    size = offsets[-1] - offsets[0]
    data = np.frombuffer(column.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    lengths = np.diff(offsets)
    heads = lengths.astype("<i8").view(np.uint8).reshape(-1, 8)
    if (lengths == lengths[0]).all():
        return np.hstack([heads, data.reshape(count, -1)]).reshape(-1).data
    framed = np.empty(size + 8 * count, np.uint8)
    is_data = np.ones(len(framed), bool)
    at = (offsets[:-1] - offsets[0] + 8 * np.arange(count))[:, None] + np.arange(8)
    framed[at] = heads
    is_data[at] = False
    framed[is_data] = data
    return framed.data
