"""Image folders: a subfolder for each class, or a CSV that gives each file its label.

Files stay where they are: the store keeps their place and their hash.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from app.datasets.image_file import ImageFile
from app.locations import Location, LocationNotAllowed, LocationNotFound, walk_files
from workers.data.csv_reader import csv_header, stream_csv, unfit_modality
from workers.data.errors import ColumnUnusable, DatasetUnreadable
from workers.data.images import MAX_BYTES, SUFFIXES, ImageRejected, decode_image
from workers.data.parallel import map_in_threads
from workers.data.spec import Chunk, IndexSpec, Layout, require_column
from workers.data.values import to_strings

_CHUNK_FILES = 128
_LAYOUT = Layout("image_file", "image")


@dataclass(frozen=True)
class _Looked:
    """What looking at one file gave: the file, or the reason."""

    file: ImageFile | None
    reason: str = ""


def _look_at(folder: Location, relative: str | None) -> _Looked:
    """Read and decode an image once. Nothing outside the allowed roots is touched."""
    if not relative:
        return _Looked(None, "missing path")
    try:
        location = folder.join(relative)
    except LocationNotAllowed:
        return _Looked(None, f"{relative!r} leads out of the allowed roots")
    try:
        if location.is_dir():
            return _Looked(None, f"{relative!r} is a folder")
        if location.size() > MAX_BYTES:
            return _Looked(None, f"{relative!r} is larger than {MAX_BYTES >> 20} MiB")
        with location.open() as opened:
            data = opened.read()
        decode_image(data)
    except FileNotFoundError:
        return _Looked(None, f"{relative!r} is not there")
    except OSError as error:
        return _Looked(None, f"{relative!r} cannot be read: {error.strerror or error}")
    except ImageRejected as error:
        return _Looked(None, f"{relative!r}: {error}")
    return _Looked(ImageFile(location.uri, hashlib.sha256(data).hexdigest()))


def _chunk(folder: Location, first_row: int, paths: list[str | None], labels: pa.Array) -> Chunk:
    looked = map_in_threads(lambda path: _look_at(folder, path), paths)
    reasons = {i: found.reason for i, found in enumerate(looked) if found.file is None}
    return Chunk(first_row, labels, [found.file for found in looked], pa.array(paths), reasons)


class ClassFolderReader:
    """`folder/<class>/.../image.png`, in the order of names. The key is the path in the folder.

    Hidden files and files without an image's suffix are passed over.
    """

    layout = _LAYOUT

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self.row_count = sum(1 for _ in self._paths())

    def labels(self) -> Iterator[pa.Array]:
        for _, paths in self._parts():
            yield self._classes_of(paths)

    def chunks(self) -> Iterator[Chunk]:
        for first_row, paths in self._parts():
            yield _chunk(self._folder, first_row, [*paths], self._classes_of(paths))

    def _paths(self) -> Iterator[str]:
        for path in walk_files(self._folder):
            # A link to a folder outside has no suffix; it is listed, to be rejected by name.
            if path.lower().endswith(SUFFIXES) or self._leads_out(path):
                yield path

    def _leads_out(self, path: str) -> bool:
        try:
            self._folder.join(path)
        except LocationNotAllowed:
            return True
        return False

    def _parts(self) -> Iterator[tuple[int, list[str]]]:
        part: list[str] = []
        first_row = 0
        for path in self._paths():
            part.append(path)
            if len(part) == _CHUNK_FILES:
                yield first_row, part
                first_row, part = first_row + len(part), []
        if part:
            yield first_row, part

    def _classes_of(self, paths: list[str]) -> pa.Array:
        classes = [path.split("/", 1)[0] if "/" in path else None for path in paths]
        return pa.array(classes, pa.string())


class LabelFileReader:
    """`columns.label_file`: a CSV whose `input` column (by default "path") names files relative
    to the folder, with a `label` column (by default "label") and perhaps a `key` column. Without
    one, the key is the path.
    """

    layout = _LAYOUT
    row_count = None

    def __init__(self, folder: Location, label_file: str, spec: IndexSpec) -> None:
        self._folder = folder
        self._file = folder.join(label_file, field="columns.label_file")
        if not self._file.exists() or self._file.is_dir():
            raise LocationNotFound(
                f"There is no label file {label_file!r} in the folder.",
                field="columns.label_file",
                remedy="Give its path relative to the folder, such as labels.csv.",
            )
        self._path = spec.column("input") or "path"
        self._label = spec.column("label") or "label"
        self._key = spec.column("key")
        header = csv_header(self._file)
        for name, where in (
            (self._path, "columns.input"),
            (self._label, "columns.label"),
            (self._key, "columns.key"),
        ):
            if name is not None:
                require_column(name, header, self._file.name, where)

    def labels(self) -> Iterator[pa.Array]:
        for batch in stream_csv(self._file, [self._label]):
            yield batch.column(0)

    def chunks(self) -> Iterator[Chunk]:
        first_row = 0
        wanted = list(dict.fromkeys(n for n in (self._path, self._label, self._key) if n))
        for whole in stream_csv(self._file, wanted):
            for start in range(0, whole.num_rows, _CHUNK_FILES):
                batch = whole.slice(start, _CHUNK_FILES)
                paths, reasons = to_strings(batch.column(self._path), self._path, "columns.input")
                labels = batch.column(self._label)
                chunk = _chunk(self._folder, first_row, paths.to_pylist(), labels)
                chunk.reasons |= reasons
                if self._key is not None:
                    chunk.keys, _ = to_strings(batch.column(self._key), self._key, "columns.key")
                yield chunk
                first_row += batch.num_rows


def open_folder(spec: IndexSpec, location: Location) -> ClassFolderReader | LabelFileReader:
    """Raises DatasetUnreadable if the location is no folder; ColumnUnusable; LocationNotFound."""
    if spec.modality not in (None, "image"):
        raise unfit_modality(spec, "an image folder holds images")
    if not location.is_dir():
        raise DatasetUnreadable(
            f"{location.name} is not a folder.",
            field="uri",
            remedy="Name the folder that holds the class subfolders, or the images.",
        )
    label_file = spec.column("label_file")
    if label_file is not None:
        return LabelFileReader(location, label_file, spec)
    if spec.task == "regression":
        raise ColumnUnusable(
            "A regression over an image folder needs the targets in a label file.",
            field="columns.label_file",
            remedy="Put a CSV with the columns path and label into the folder, and name it.",
        )
    return ClassFolderReader(location)
