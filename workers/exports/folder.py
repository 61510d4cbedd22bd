"""The plan of an image folder: its label file. The images stay where they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import cast

import numpy as np
import pyarrow as pa

from app.datasets.image_file import ImageFile
from app.locations import Location, path_of_file_uri
from workers.exports.cells import csv_rows, text_of
from workers.exports.corrected import corrected_rows
from workers.exports.parts import OutFile, Piece, TextForm
from workers.exports.tables import Source

COLUMNS = ("path", "label", "key")
_PIECE_ROWS = 16_384


def folder_files(source: Source) -> list[OutFile]:
    store, classes, folder = source.store, source.store.meta.classes, source.location

    def pieces(rows: int, _examples: int) -> Iterator[Piece]:
        for start in range(rows, len(store), _PIECE_ROWS):
            stop = min(start + _PIECE_ROWS, len(store))
            stays, labels = corrected_rows(store, source.decisions, None, start, stop)
            kept = np.flatnonzero(stays)
            stored = store.unread(start, stop)
            given = pa.array(labels[kept])
            table = pa.table(
                {
                    "path": [
                        path_in_folder(folder, cast(ImageFile, stored.inputs[i])) for i in kept
                    ],
                    "label": text_of(given) if classes is None else pa.array(classes).take(given),
                    "key": [stored.keys[i] for i in kept],
                }
            )
            yield Piece(table, stop, stop)

    return [OutFile(".csv", "text/csv", TextForm(_HEADER, _csv_of), pieces)]


_HEADER = ",".join(COLUMNS).encode() + b"\n"


def _csv_of(table: pa.Table) -> bytes:
    return csv_rows([column.combine_chunks() for column in table.columns])


def path_in_folder(folder: Location, file: ImageFile) -> str:
    """As a label file has it."""
    if folder.scheme == "file":
        return os.path.relpath(path_of_file_uri(file.uri), folder.path)
    return file.uri.removeprefix(folder.uri.rstrip("/") + "/")
