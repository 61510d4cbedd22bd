"""A corrected `.npz`: the label array changed, what was removed left out of every array of rows."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy

from workers.data.npz_reader import ArrayStream, NpzReader
from workers.exports.spelling import Spelling
from workers.exports.tables import Source

_COPY_BYTES = 4 << 20


class NpzCorrection:
    """Knows after one pass which rows stay (a byte each), and writes the archive in a second."""

    def __init__(self, source: Source, on_rows: Callable[[], None]) -> None:
        self._source = source
        self._on_rows = on_rows
        self._reader = NpzReader(source.spec, source.location)
        first = next(iter(self._reader.labels()), pa.array([], pa.null()))
        self.spelling = Spelling(
            first.type, source.store.meta.classes, self._reader.labels(), source.spec.label
        )

    def write(self, path: Path) -> int:
        """Returns the rows written.

        Raises:
            SourceChanged, LabelUnwritable.
        """
        stays, labels = self._look()
        kept = int(stays.sum())
        with (
            self._source.location.open() as file,
            zipfile.ZipFile(file) as archive,
            zipfile.ZipFile(path, "w") as out,
        ):
            for info in archive.infolist():
                copy = zipfile.ZipInfo(info.filename)  # at the same moment, always
                copy.compress_type = info.compress_type
                with out.open(copy, "w", force_zip64=True) as target:
                    if info.filename == f"{self._source.spec.label}.npy":
                        npy.write_array(target, labels[stays], allow_pickle=False)
                    else:
                        _copy_array(archive, info.filename, target, stays)
        return kept

    def _look(self) -> tuple[np.ndarray, np.ndarray]:
        corrector = self._source.corrector(self.spelling, 0)
        stays, labels = [np.empty(0, bool)], []
        for chunk in self._reader.chunks():
            stay, label = corrector.correct(chunk)
            stays.append(stay)
            labels.append(label)
            self._on_rows()
        corrector.require_end()
        return np.concatenate(stays), self._as_stored(labels)

    def _as_stored(self, labels: list[pa.Array]) -> np.ndarray:
        """The label array in the source's own dtype, with wider texts where new ones need it."""
        shape, dtype = self._reader.label_shape, self._reader.label_dtype
        parts = [part.to_numpy(zero_copy_only=False) for part in labels]
        if dtype.kind in "US":
            width = max((len(text) for part in parts for text in np.unique(part)), default=1)
            size = dtype.itemsize // (4 if dtype.kind == "U" else 1)
            dtype = np.dtype(f"{dtype.byteorder}{dtype.kind}{max(width, size)}")
        # Joining turns the bytes of numbers round that are not in this machine's order.
        whole = np.concatenate([part.astype(dtype) for part in parts]).astype(dtype, copy=False)
        return whole.reshape(-1, *shape[1:])


def _copy_array(archive: zipfile.ZipFile, name: str, target: IO[bytes], stays: np.ndarray) -> None:
    """Copy a member; of an array with an entry for each row, those that stay."""
    if name.endswith(".npy") and not stays.all():
        with archive.open(name) as file:
            stream = ArrayStream(file, name.removesuffix(".npy"))
            if stream.shape[:1] == stays.shape:
                _copy_rows(stream, target, stays)
                return
    with archive.open(name) as file:
        shutil.copyfileobj(file, target, _COPY_BYTES)


def _copy_rows(stream: ArrayStream, target: IO[bytes], stays: np.ndarray) -> None:
    header = {
        "descr": npy.dtype_to_descr(stream.stored),
        "fortran_order": False,
        "shape": (int(stays.sum()), *stream.shape[1:]),
    }
    npy.write_array_header_2_0(target, header)
    row_bytes = stream.stored.itemsize * int(np.prod(stream.shape[1:], dtype=np.int64))
    step = max(_COPY_BYTES // max(row_bytes, 1), 1)
    for start in range(0, len(stays), step):
        part = stays[start : start + step]
        target.write(stream.read_stored(len(part))[part].tobytes())
