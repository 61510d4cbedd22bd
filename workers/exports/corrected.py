"""The data set with its corrections: its own rows and columns, but for the labels."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from app.datasets.example_store import ExampleStore
from app.exports.errors import SourceChanged
from workers.data.index import Fingerprint
from workers.data.keys import ContentKeys
from workers.data.labels import LabelReader, read_targets
from workers.data.spec import Chunk, IndexSpec
from workers.exports.decisions import Decisions
from workers.exports.spelling import Spelling

_STORE_ROWS = 65_536


class Corrector:
    """Goes through a source as indexing did, and changes what was decided.

    It knows an accepted row by the example that comes next: the key, the label and the content
    must be those that were indexed.

    Args:
        has_rejects: indexing left rows out.
        position: the example that comes next.
    """

    def __init__(
        self,
        spec: IndexSpec,
        store: ExampleStore,
        decisions: Decisions,
        spelling: Spelling,
        *,
        has_rejects: bool,
        position: int,
    ) -> None:
        self._spec = spec
        self._store = store
        self._decisions = decisions
        self._spelling = spelling
        self._has_rejects = has_rejects
        self._labels = LabelReader(store.meta.classes) if store.meta.classes else None
        self.position = position

    @property
    def label(self) -> str:
        return self._spec.label

    def correct(self, chunk: Chunk) -> tuple[np.ndarray, pa.Array]:
        """Which rows stay, (n,) bool, and all rows' labels.

        Raises:
            SourceChanged, LabelUnwritable.
        """
        rows = self._accepted(chunk)
        found = self._decisions.between(self.position, self.position + len(rows))
        self.position += len(rows)
        stays = np.zeros(len(chunk.labels), bool)
        stays[rows] = True
        stays[rows[found.at[found.is_removed]]] = False
        changed = rows[found.at[found.is_relabelled]]
        if not len(changed):
            return stays, chunk.labels
        new = found.labels if self._labels is not None else found.values
        return stays, self._spelling.replaced(chunk.labels, changed, new[found.is_relabelled])

    def require_end(self) -> None:
        """Raises SourceChanged: examples are left that no row was."""
        if self.position != len(self._store):
            raise _changed(f"it has {len(self._store) - self.position} rows less")

    def _accepted(self, chunk: Chunk) -> np.ndarray:
        """The rows that are examples; the same ones as when the data set was indexed."""
        name = self._spec.label
        if self._labels is None:
            labels, reasons = read_targets(chunk.labels, name)
        else:
            labels, reasons = self._labels.read(chunk.labels, name)
        bad = list(reasons.keys() | chunk.reasons.keys())
        good = np.ones(len(chunk.labels), bool)
        good[bad] = False
        rows = np.flatnonzero(good)
        stored = self._store.rows(self.position, min(self.position + len(rows), len(self._store)))
        if chunk.keys is not None:
            rows = self._next_keys(rows, chunk.keys.to_pylist(), stored.keys)
        if len(rows) > len(stored) or not (self._has_rejects or len(rows) == len(good)):
            raise _changed("it has other rows")
        first = chunk.first_row + int(rows[0]) if len(rows) else 0
        if not np.array_equal(labels[rows], stored.labels[: len(rows)]):
            raise _changed(f"labels differ from row {first} on")
        if not _same(chunk.inputs, rows, stored.inputs):
            raise _changed(f"contents differ from row {first} on")
        return rows

    def _next_keys(self, rows: np.ndarray, keys: list[str | None], stored: list[str]) -> np.ndarray:
        """Rows whose key is that of the next example. Others were left out as duplicates."""
        if len(rows) == len(keys) and keys == stored:
            return rows
        found: list[int] = []
        for row in rows.tolist():
            if len(found) < len(stored) and keys[row] == stored[len(found)]:
                found.append(row)
        return np.array(found, np.int64)


def _same(inputs: object, rows: np.ndarray, stored: object) -> bool:
    if isinstance(inputs, np.ndarray) and isinstance(stored, np.ndarray):
        return inputs.dtype == stored.dtype and np.array_equal(inputs[rows], stored[: len(rows)])
    assert isinstance(inputs, list)
    assert isinstance(stored, list)
    ours = inputs if len(rows) == len(inputs) else [inputs[row] for row in rows]
    return ours == stored[: len(rows)]


def _changed(how: str) -> SourceChanged:
    return SourceChanged(
        f"The source is not what was indexed: {how}.",
        field="dataset_id",
        remedy="Put the files back as they were; or export a patch, which does not read them.",
    )


def corrected_rows(
    store: ExampleStore, decisions: Decisions, spelling: Spelling | None, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which examples of a range stay, (n,) bool, and the labels of all, as indexing reads them."""
    _, labels = store.keys_and_labels(start, stop)
    found = decisions.between(start, stop)
    stays = np.ones(stop - start, bool)
    stays[found.at[found.is_removed]] = False
    labels = labels.copy()
    at = found.at[found.is_relabelled]
    if store.meta.classes is not None:
        labels[at] = found.labels[found.is_relabelled]
    elif len(at):
        values = found.values[found.is_relabelled]
        labels[at] = values if spelling is None else spelling.read_back(values)
    return stays, labels


def _bytes_of(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def expected_fingerprint(
    store: ExampleStore, decisions: Decisions, spelling: Spelling | None, *, has_keys: bool
) -> str:
    """The fingerprint that indexing the corrected data set finds."""
    fingerprint, content_keys = Fingerprint(store.meta), ContentKeys()
    step = max(store.meta.batch_rows, 1) * max(_STORE_ROWS // store.meta.batch_rows, 1)
    for start in range(0, len(store), step):
        stop = min(start + step, len(store))
        stays, labels = corrected_rows(store, decisions, spelling, start, stop)
        kept = store.columns(start, stop)
        if not stays.all():
            kept = kept.filter(pa.array(stays))
        keys, contents = (kept.column(name).combine_chunks() for name in ("key", "content"))
        if not has_keys:
            contents = contents.to_pylist()
            keys = content_keys.make([_bytes_of(content) for content in contents])
        fingerprint.update(keys, labels[stays], contents)
    return fingerprint.hexdigest()
