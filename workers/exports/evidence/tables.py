"""The tables of a pack: rows as Postgres COPYs them out, with classes by name. Streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from sqlalchemy.orm import Session

from app.datasets.example_store import ExampleStore
from app.db import reading
from app.estimates.service import AUDIT_COLUMNS, REVIEWED_COLUMNS, copy_audits, copy_reviewed
from app.reviews.decisions import LOG_COLUMNS, OUTCOME_COLUMNS, copy_log, copy_outcomes
from app.scans.issues import FLAG_COLUMNS, SCORE_COLUMNS, copy_flags, copy_scores
from workers.exports.copied import batches_of
from workers.exports.evidence.files import PARQUET
from workers.exports.parts import OutFile, ParquetForm, Piece

_PIECE_ROWS = 65_536
_COMPRESSION = "zstd"
_TIME = pa.timestamp("us", "UTC")
_TERMS = pa.list_(pa.float64())

# As they are copied; all else is text.
_COPIED: dict[str, pa.DataType] = {
    **dict.fromkeys(
        ("position", "rank", "queue", "number", "unreviewed", "left_after"), pa.int32()
    ),
    **dict.fromkeys(("given_label", "predicted_label", "suggested_label", "label"), pa.int32()),
    **dict.fromkeys(("id", "undoes", "at"), pa.int64()),
    **dict.fromkeys(("finite", "flagged", "adjudicates", "counted"), pa.bool_()),
    **dict.fromkeys(
        (
            "suspicion",
            "self_influence",
            "self_influence_equal",
            "last_layer",
            "loss",
            "margin",
            "el2n",
            "probability",
            "given_probability",
            "given_target",
            "predicted_value",
            "suggested_value",
            "value",
            "seconds",
        ),
        pa.float64(),
    ),
}
_LABELS = ("given_label", "predicted_label", "suggested_label", "label")


def _schema(names: Iterable[str], **others: pa.DataType) -> pa.Schema:
    """Of a table as it is written."""
    kinds = _COPIED | dict.fromkeys(_LABELS, pa.string()) | {"at": _TIME, "terms": _TERMS}
    return pa.schema([(name, others.get(name, kinds.get(name, pa.string()))) for name in names])


_SCORES = _schema(
    ("position", "key", "digest", "image_sha256", *(n for n in SCORE_COLUMNS if n != "position"))
)
_FLAGS = _schema(("position", "key", *(name for name in FLAG_COLUMNS if name != "position")))
_VERDICTS = _schema(("queue_id", *LOG_COLUMNS[1:]))
_OUTCOMES = _schema(("queue_id", *OUTCOME_COLUMNS[1:]))
_AUDITS = _schema(("number", "unreviewed", "probability", "at", "queue_id", *AUDIT_COLUMNS[4:]))
_REVIEWED = _schema(REVIEWED_COLUMNS)


class Names:
    """Classes and queues by their numbers."""

    def __init__(self, classes: Sequence[str] | None, queue_ids: Sequence[UUID]) -> None:
        self._classes = pa.array(classes or (), pa.string())
        self._queues = pa.array([str(each) for each in queue_ids], pa.string())

    def table(self, batch: pa.RecordBatch | pa.Table, schema: pa.Schema, **others: Any) -> pa.Table:
        """The rows as they are written.

        Args:
            others: columns that are not copied as they are.
        """
        columns = []
        for name in schema.names:
            if name in others:
                columns.append(others[name])
            elif name == "queue_id" and "queue_id" not in batch.schema.names:
                columns.append(self._queues.take(batch.column("queue")))
            elif name in _LABELS:
                columns.append(self.labels(batch.column(name)))
            else:
                columns.append(batch.column(name).cast(schema.field(name).type))
        return pa.table(columns, schema=schema)

    def labels(self, numbers: Any) -> Any:
        return self._classes.take(numbers)


def write_parquet(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Returns the number of rows."""
    rows = 0
    options = {"compression": _COMPRESSION, "write_page_checksum": True}
    with parquet.ParquetWriter(path, schema, **options) as writer:
        for table in tables:
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
    return rows


def _copied(names: Sequence[str]) -> pa.Schema:
    return pa.schema([(name, _COPIED.get(name, pa.string())) for name in names])


Seen = Callable[[pa.RecordBatch], None]
"""Called with each batch as it was copied, to count what is in it."""


def write_verdicts(
    db: Session, dataset_id: UUID, queue_ids: Sequence[UUID], names: Names, path: Path, seen: Seen
) -> int:
    def tables() -> Iterator[pa.Table]:
        for batch in batches_of(copy_log(db, dataset_id, queue_ids), _copied(LOG_COLUMNS)):
            seen(batch)
            yield names.table(batch, _VERDICTS)

    return write_parquet(path, _VERDICTS, tables())


def write_outcomes(
    db: Session, dataset_id: UUID, queue_ids: Sequence[UUID], names: Names, path: Path, seen: Seen
) -> int:
    def tables() -> Iterator[pa.Table]:
        copied = copy_outcomes(db, dataset_id, queue_ids)
        for batch in batches_of(copied, _copied(OUTCOME_COLUMNS)):
            seen(batch)
            yield names.table(batch, _OUTCOMES)

    return write_parquet(path, _OUTCOMES, tables())


def write_audits(db: Session, dataset_id: UUID, names: Names, path: Path, seen: Seen) -> int:
    columns = ["queue_id" if name == "queue" else name for name in AUDIT_COLUMNS]

    def tables() -> Iterator[pa.Table]:
        for batch in batches_of(copy_audits(db, dataset_id), _copied(columns)):
            seen(batch)
            probability = pc.divide(1.0, batch.column("unreviewed").cast(pa.float64()))
            yield names.table(batch, _AUDITS, probability=probability)

    return write_parquet(path, _AUDITS, tables())


def write_reviewed(db: Session, dataset_id: UUID, names: Names, path: Path) -> int:
    copied = batches_of(copy_reviewed(db, dataset_id), _copied(REVIEWED_COLUMNS))
    return write_parquet(path, _REVIEWED, (names.table(batch, _REVIEWED) for batch in copied))


def scores_file(store: ExampleStore, scan_id: UUID, names: Names, part_rows: int) -> OutFile:
    """A row for each example, in order."""
    size = min(_PIECE_ROWS, part_rows)

    def pieces(rows: int, _examples: int) -> Iterator[Piece]:
        for start in range(rows, len(store), size):
            stop = min(start + size, len(store))
            with reading() as db:
                found = _rows(copy_scores(db, scan_id, start, stop), SCORE_COLUMNS)
            known = store.hashes(start, stop)
            table = names.table(
                found,
                _SCORES,
                key=known.column("key"),
                digest=_hex(known.column("digest").combine_chunks()),
                image_sha256=known.column("sha256"),
                terms=_terms(found.column("terms").combine_chunks()),
            )
            yield Piece(table.combine_chunks(), stop, stop)

    return OutFile(".parquet", PARQUET, ParquetForm(_SCORES, _COMPRESSION), pieces)


def flags_file(store: ExampleStore, scan_id: UUID, names: Names, part_rows: int) -> OutFile:
    """A row for each flagged example, in order."""
    size = min(_PIECE_ROWS, part_rows)

    def pieces(rows: int, _examples: int) -> Iterator[Piece]:
        for start in range(rows, len(store), size):
            stop = min(start + size, len(store))
            with reading() as db:
                found = _rows(copy_flags(db, scan_id, start, stop), FLAG_COLUMNS)
            keys, _ = store.keys_and_labels_at(found.column("position").to_numpy())
            yield Piece(names.table(found, _FLAGS, key=keys).combine_chunks(), stop, stop)

    return OutFile(".parquet", PARQUET, ParquetForm(_FLAGS, _COMPRESSION), pieces)


def _rows(chunks: Iterator[memoryview | bytes], names: Sequence[str]) -> pa.Table:
    schema = _copied(names)
    return pa.Table.from_batches(list(batches_of(chunks, schema)), schema).combine_chunks()


def _hex(column: pa.Array) -> pa.Array:
    """Of bytes of a fixed width."""
    width = column.type.byte_width
    data = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * width :]
    digits = data[: len(column) * width].tobytes().hex().encode()
    offsets = np.arange(len(column) + 1, dtype=np.int32) * (2 * width)
    return pa.Array.from_buffers(
        pa.string(), len(column), [None, pa.py_buffer(offsets), pa.py_buffer(digits)]
    )


def _terms(column: pa.Array) -> pa.Array:
    """Postgres' `{1,2}` as lists; null where there are none."""
    numbers = pc.split_pattern(pc.utf8_trim(column, "{}"), ",")
    return numbers.cast(_TERMS)


def latest_of(batch: pa.RecordBatch) -> datetime | None:
    """The latest of the times in a batch as it was copied."""
    found: datetime | None = pc.max(batch.column("at").cast(_TIME)).as_py()
    return found
