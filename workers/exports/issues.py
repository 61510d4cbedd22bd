"""A scan's results as the table of label issues that cleanlab makes and takes."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from app.datasets.example_store import ExampleStore
from app.db import reading
from app.scans.issues import ISSUE_COLUMNS, copy_issues
from workers.exports.copied import batches_of
from workers.exports.parts import OutFile, Piece
from workers.exports.report import table_file

_PIECE_ROWS = 65_536
_KINDS = (pa.int32(), pa.bool_(), pa.float64(), pa.int32(), pa.float64())
_COPIED = pa.schema(list(zip(ISSUE_COLUMNS, _KINDS, strict=True)))


def issues_file(kind: str, store: ExampleStore, scan_id: UUID) -> OutFile:
    """A row for each example, in order: in classification labels are indices of classes."""
    label = pa.float64() if store.meta.classes is None else pa.int32()
    schema = pa.schema(
        [
            ("key", pa.string()),
            ("is_label_issue", pa.bool_()),
            ("label_quality", pa.float64()),
            ("given_label", label),
            ("predicted_label", label),
        ]
    )

    def pieces(rows: int, _examples: int) -> Iterator[Piece]:
        for start in range(rows, len(store), _PIECE_ROWS):
            stop = min(start + _PIECE_ROWS, len(store))
            yield Piece(_issues(store, scan_id, start, stop, schema), stop, stop)

    return table_file(kind, schema, pieces)


def _issues(
    store: ExampleStore, scan_id: UUID, start: int, stop: int, schema: pa.Schema
) -> pa.Table:
    with reading() as db:
        copied = list(batches_of(copy_issues(db, scan_id, start, stop), _COPIED))
    found = pa.Table.from_batches(copied, _COPIED)
    examples = store.columns(start, stop)
    is_regression = store.meta.classes is None
    columns = (
        examples.column("key"),
        found.column("is_flagged"),
        pc.subtract(1.0, found.column("suspicion")),
        examples.column("label"),
        found.column("predicted_value" if is_regression else "predicted_label"),
    )
    return pa.table(dict(zip(schema.names, columns, strict=True)), schema).combine_chunks()
