"""What people are to look at in another tool: a scan's flags, or the open items of a queue."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import numpy as np
import pyarrow as pa

from app.datasets.content import picture_of
from app.datasets.example_store import ExampleStore
from app.datasets.image_file import ImageFile
from app.datasets.models import Modality
from app.db import reading_one_moment
from app.locations import Location
from app.reviews.decisions import copy_open_items, count_undecided, queues_named
from app.scans.issues import SUSPECT_COLUMNS, copy_ranked_flags
from cleantrace.class_names import written_class
from workers.exports.cells import inert_json
from workers.exports.copied import batches_of
from workers.exports.folder import path_in_folder
from workers.exports.parts import OutFile, Piece, TextForm

_KINDS = (pa.int32(), pa.int32(), pa.int32(), pa.int32(), pa.float64(), pa.float64(), pa.string())
_SCHEMA = pa.schema(list(zip(SUSPECT_COLUMNS, _KINDS, strict=True)))
# A text or an image may have megabytes: pieces end by size.
_PIECE_BYTES = 8 << 20
_LOOKED_AT_ROWS = 4096


def take_suspects(request: dict[str, Any], path: Path) -> dict[str, Any]:
    """Write who is suspected, in order, as it is now. Streamed: memory does not grow.

    Returns:
        counts, and the scan that ranked them.
    """
    with reading_one_moment() as db:
        queue_ids = [UUID(each) for each in request["queue_ids"]]
        taken: dict[str, Any] = {"queues": {}, "scan_id": request["scan_id"]}
        if queue_ids:
            copied = copy_open_items(db, queue_ids[0])
            at = count_undecided(db, queue_ids).at
            taken["as_of"] = at.astimezone(UTC).isoformat()
            taken["scan_id"] = str(queues_named(db, queue_ids)[0].order_scan_id)
        else:
            copied = copy_ranked_flags(db, UUID(request["scan_id"]))
        count = 0
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
            for batch in batches_of(copied, _SCHEMA):
                count += batch.num_rows
                writer.write_batch(batch)
    if queue_ids:
        taken["queues"]["0"] = count
    return taken


@dataclass(frozen=True)
class Suspect:
    """An example, as people see it. What they are not to be told is None.

    Attributes:
        shown: its text; its row, by column; or an image, as an address or with its pixels in it.
        given, suggested: a class as tools can hold it, or a number.
    """

    key: str
    shown: str | dict[str, float | None]
    given: str | float
    suggested: str | float | None
    suspicion: float | None
    rank: int | None
    reason: str | None


class Suspects:
    """Reads what `take_suspects` wrote.

    Args:
        image_base: put before an image's path in its folder, instead of the image itself.
    """

    def __init__(
        self, path: Path, store: ExampleStore, folder: Location | None, image_base: str | None
    ) -> None:
        self._table = pa.ipc.open_file(pa.memory_map(str(path), "rb")).read_all()
        self._store = store
        self._folder = folder
        self._image_base = image_base
        self._classes = [written_class(name) for name in store.meta.classes or ()]

    def file(self, encode: Callable[[Suspect], dict[str, Any]]) -> OutFile:
        """All of them as one array of JSON."""

        def pieces(rows: int, _examples: int) -> Iterator[Piece]:
            texts: list[str] = []
            size = 0
            for done, each in enumerate(self._from(rows), rows + 1):
                # A comma between any two, in whichever parts they are.
                texts.append((",\n" if done > 1 else "") + inert_json(encode(each)))
                size += len(texts[-1])
                if size >= _PIECE_BYTES or done == len(self._table):
                    yield Piece(pa.table({"json": pa.array(texts, pa.large_string())}), done, 0)
                    texts, size = [], 0

        form = TextForm(b"[\n", _joined, footer=b"\n]\n")
        return OutFile(".json", "application/json", form, pieces)

    def _from(self, start: int) -> Iterator[Suspect]:
        rest = self._table.slice(start).to_batches(_LOOKED_AT_ROWS)
        for row in (row for batch in rest for row in batch.to_pylist()):
            stored = self._stored(row["position"])
            given = stored.labels[0]
            is_regression = self._store.meta.classes is None
            suggested = row["suggested_value"] if is_regression else self._class(row)
            yield Suspect(
                key=stored.keys[0],
                shown=self._shown(stored.inputs[0]),
                given=float(given) if is_regression else self._classes[given],
                suggested=suggested,
                suspicion=row["suspicion"],
                rank=None if row["suspicion"] is None else row["rank"],
                reason=row["reason"],
            )

    def _stored(self, position: int) -> Any:
        if self._image_base is not None:
            return self._store.unread(position, position + 1)
        return self._store.row(position)

    def _class(self, row: dict[str, Any]) -> str | None:
        index = row["suggested_label"]
        return None if index is None else self._classes[index]

    def _shown(self, value: Any) -> str | dict[str, float | None]:
        if isinstance(value, ImageFile):
            assert self._folder is not None
            return f"{self._image_base}{quote(path_in_folder(self._folder, value))}"
        if self._store.meta.modality == Modality.image:
            picture = picture_of(value)
            data = base64.b64encode(picture.data).decode()
            return f"data:{picture.media_type};base64,{data}"
        if isinstance(value, str):
            return value
        numbers = np.asarray(value, dtype=float).ravel().tolist()
        names = self._store.meta.input_names
        if len(names) != len(numbers):
            names = tuple(f"x{i}" for i in range(len(numbers)))
        finite = (number if math.isfinite(number) else None for number in numbers)
        return dict(zip(names, finite, strict=True))


def _joined(table: pa.Table) -> bytes:
    return "".join(cast("list[str]", table.column("json").to_pylist())).encode()
