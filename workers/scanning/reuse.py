"""Nothing is computed twice: which of a scan's results earlier scans already hold.

A result is addressed by what determines it: the example's content and label, the checkpoint's
weights, and the engine key (model specification, preprocessing, loss, layers, precision, revision
of the engine). Where the example stood then, and in which dataset, does not matter.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np

from app.artifacts import ArtifactNotFound, ArtifactStore
from app.datasets import queries as dataset_queries
from app.datasets.example_store import ExampleStore, StoreMeta
from app.datasets.identity import match
from app.datasets.models import Dataset
from app.db import reading
from app.runs import service as runs
from app.runs.models import Checkpoint, TrainingRun
from app.scans import job_queries as queries
from app.scans.models import Scan
from app.settings import settings
from workers.influence import REVISION
from workers.models import revision_of_model
from workers.scanning.canaries import NONE, Canaries
from workers.scanning.columns import Columns, ShardColumns, read_columns
from workers.scanning.parts import store_of
from workers.scanning.sketches import SKETCH_FORM

# Earlier scans that are looked at, the newest first.
_CANDIDATES = 20
_WHERE = np.dtype([("source", np.int16), ("position", np.int64)])


def engine_key(scan: Scan, run: TrainingRun, meta: StoreMeta) -> str:
    """Equal for scans whose results agree wherever example and checkpoint agree."""
    parts = [
        REVISION,
        SKETCH_FORM,
        run.model,
        revision_of_model(run.model, settings().model_factories),
        run.preprocessing,
        run.loss,
        scan.layers,
        scan.precision,
        [meta.kind, meta.task, meta.modality, meta.dtype, meta.shape],
        len(meta.classes or ()),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Source:
    """An earlier scan, and which of its checkpoints each of the scan's is, if any."""

    scan_id: UUID
    checkpoints: tuple[int | None, ...]


@dataclass(frozen=True)
class Reuse:
    """Where each result of n examples at k checkpoints comes from; canaries follow the examples.

    where: (n, k) of index into `sources` (-1: to be computed) and position there.
    """

    sources: tuple[Source, ...]
    where: np.ndarray

    @property
    def missing(self) -> np.ndarray:
        """(n, k) bool: to be computed."""
        found: np.ndarray = self.where["source"] < 0
        return found

    def save(self, scan_id: UUID, token: UUID) -> dict[str, Any]:
        """Write it down; returns what the scan's row keeps."""
        buffer = io.BytesIO()
        np.save(buffer, self.where, allow_pickle=False)
        name = f"scans/{scan_id}/reuse-{token.hex}.npy"
        ArtifactStore(settings().artifacts).write_bytes(name, buffer.getvalue())
        return {
            "artifact": name,
            "sources": [
                {"scan_id": str(source.scan_id), "checkpoints": list(source.checkpoints)}
                for source in self.sources
            ],
            "results": int((~self.missing).sum()),
            "needed": self.missing.any(0).tolist(),
        }

    @staticmethod
    def load(kept: dict[str, Any]) -> Reuse:
        path = ArtifactStore(settings().artifacts).local_path(kept["artifact"])
        sources = [
            Source(UUID(each["scan_id"]), tuple(each["checkpoints"])) for each in kept["sources"]
        ]
        return Reuse(tuple(sources), np.load(path, mmap_mode="r", allow_pickle=False))

    def fill(self, columns: ShardColumns, start: int, stop: int, *, sketches: bool) -> np.ndarray:
        """Copy what there is of examples start to stop.

        Returns:
            (stop - start, k) bool: what is missing still; also where an artifact is gone.
        """
        here = self.where[start:stop]
        missing = here["source"] < 0
        for index, source in enumerate(self.sources):
            for checkpoint, theirs in enumerate(source.checkpoints):
                rows = np.flatnonzero(here["source"][:, checkpoint] == index)
                if theirs is None or not len(rows):
                    continue
                positions = here["position"][rows, checkpoint]
                copied = _copy(
                    source.scan_id, theirs, positions, columns, rows, checkpoint, sketches=sketches
                )
                missing[rows[~copied], checkpoint] = True
        return missing


def _copy(
    scan_id: UUID,
    theirs: int,
    positions: np.ndarray,
    columns: ShardColumns,
    rows: np.ndarray,
    checkpoint: int,
    *,
    sketches: bool,
) -> np.ndarray:
    """(len(rows),) bool: which were found."""
    copied = np.zeros(len(rows), bool)
    for first, last, artifact in _shards(scan_id):
        inside = np.flatnonzero((positions >= first) & (positions < last))
        if not len(inside):
            continue
        try:
            source = _artifact(artifact, sketches)
        except ArtifactNotFound:
            continue
        columns.copy(rows[inside], checkpoint, source, positions[inside] - first, theirs)
        copied[inside] = True
    return copied


@lru_cache(maxsize=32)
def _shards(scan_id: UUID) -> tuple[tuple[int, int, str], ...]:
    """Of a scan whose shards are done or will not be looked at."""
    with reading() as db:
        return tuple(queries.shards_done(db, scan_id))


@lru_cache(maxsize=2)
def _artifact(name: str, sketches: bool) -> Columns:
    return read_columns(name, sketches=None if sketches else False)


def find_reuse(
    scan: Scan,
    dataset: Dataset,
    store: ExampleStore,
    checkpoints: Sequence[Checkpoint],
    canaries: Canaries = NONE,
) -> Reuse | None:
    """What earlier scans of the project hold of this one. None: nothing.

    Examples come from examples, and canaries from canaries.

    Args:
        scan: with its `engine_key`.
        checkpoints: the scan's, in order, with their hashes.
        canaries: likewise.
    """
    where = np.empty((len(store) + len(canaries), len(checkpoints)), _WHERE)
    where["source"] = -1
    sources: list[Source] = []
    own: np.ndarray | None = None
    planted = canaries.identities(store) if len(canaries) else None
    with reading() as db:
        earlier = queries.scans_with_results(db, scan, _CANDIDATES)
    for other in earlier:
        if scan.evidence is not None and scan.evidence != other.evidence:
            continue
        theirs = _columns_of(other, checkpoints)
        if all(column is None for column in theirs) or not (where["source"] < 0).any():
            continue
        if other.dataset_id == dataset.id:
            positions = np.arange(len(store))
        else:
            own = store.identities() if own is None else own
            positions = match(own, _store_of(other).identities())
        if planted is not None:
            positions = np.concatenate([positions, _canaries_in(other, planted)])
        usable = (positions >= 0) & _done(other)[positions]
        before = (where["source"] < 0).sum()
        for checkpoint, column in enumerate(theirs):
            taken = usable & (where["source"][:, checkpoint] < 0) & (column is not None)
            where["source"][taken, checkpoint] = len(sources)
            where["position"][taken, checkpoint] = positions[taken]
        if (where["source"] < 0).sum() < before:
            sources.append(Source(other.id, theirs))
    return Reuse(tuple(sources), where) if sources else None


def names_of(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """What names each checkpoint's results: its weights' hash; with a number if it comes again, as
    sketches of one checkpoint twice would not be independent.
    """
    hashes = [each.sha256 or str(each.id) for each in checkpoints]
    again = [hashes[:at].count(each) for at, each in enumerate(hashes)]
    return [f"{each}-{n}" if n else each for each, n in zip(hashes, again, strict=True)]


def _columns_of(other: Scan, checkpoints: Sequence[Checkpoint]) -> tuple[int | None, ...]:
    with reading() as db:
        theirs = runs.checkpoints_of(db, [UUID(each) for each in other.checkpoint_ids])
    place = {name: at for at, name in enumerate(names_of(theirs))}
    return tuple(place.get(name) for name in names_of(checkpoints))


def _store_of(other: Scan) -> ExampleStore:
    with reading() as db:
        dataset = dataset_queries.dataset_by_id(db, other.dataset_id)
    assert dataset is not None, "a scan's dataset cannot be deleted"
    return store_of(dataset)


def _canaries_in(other: Scan, planted: np.ndarray) -> np.ndarray:
    """(m,) positions in the other scan of canaries with these identities, -1 for nowhere."""
    try:
        theirs = Canaries.load(other.planted)
    except ArtifactNotFound:
        theirs = NONE
    if not len(theirs):
        return np.full(len(planted), -1, np.int64)
    at = match(planted, theirs.identities(_store_of(other)))
    return np.where(at < 0, -1, other.example_count + at)


def _done(other: Scan) -> np.ndarray:
    """(examples and canaries of the other scan,) bool"""
    done = np.zeros(other.example_count + other.canaries, bool)
    with reading() as db:
        for start, stop, _ in queries.shards_done(db, other.id):
            done[start:stop] = True
    return done


def cut_into_shards(examples: int, missing: np.ndarray | None, size: int) -> list[tuple[int, int]]:
    """Ranges of about equal work.

    Args:
        missing: (examples, k) bool; None: everything is to be computed.
        size: examples in a shard that is computed as a whole. Copying an example costs a
            sixteenth of that, so that no shard is longer than 16 times this.
    """
    if missing is None:
        return [(start, min(start + size, examples)) for start in range(0, examples, size)]
    work = np.cumsum(np.maximum(missing.mean(1), 1 / 16))
    ranges: list[tuple[int, int]] = []
    start, done = 0, 0.0
    while start < examples:
        stop = int(np.searchsorted(work, done + size + 1e-9 * work[-1], side="right"))
        stop = min(max(stop, start + 1), examples)
        ranges.append((start, stop))
        start, done = stop, float(work[stop - 1])
    return ranges
