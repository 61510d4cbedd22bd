"""Canaries of a scan: errors planted in memory, to see whether the scan would have found them.

A sample of the examples is scored once more, with a wrong label. What comes of it stands in shards
of its own, at positions from the number of examples on, and in the summary: a canary is no example
of the scan. The model was not trained on these labels; docs/proof.md says what that means.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from app.artifacts import ArtifactStore
from app.datasets.example_store import ExampleStore, Rows
from app.datasets.identity import identities, mixed
from app.datasets.models import Task
from app.errors import Invalid
from app.settings import settings

SHIFT = 2.0
"""A regression's target is wrong by so many standard deviations of all targets."""
_SEED = np.uint64(0xC1EA27ACE)
_STEP = np.uint64(0x9E3779B97F4A7C15)


class NoErrorToPlant(Invalid):
    title = "No error to plant"
    code = "no-error-to-plant"


@dataclass(frozen=True)
class Canaries:
    """
    positions: (m,) int64, ascending: whose content they have.
    labels: (m,) wrong ones, as the example store has labels.
    """

    positions: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def rows(self, store: ExampleStore, chosen: np.ndarray) -> Rows:
        """Some of them, as if they were examples."""
        return replace(store.take(self.positions[chosen]), labels=self.labels[chosen])

    def identities(self, store: ExampleStore) -> np.ndarray:
        """(m, 2) uint64: by content and planted label, as those of examples."""
        return identities(store.digests_at(self.positions), self.labels)

    def save(self, scan_id: UUID, token: UUID) -> str:
        """Write them down; returns the artifact's name."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, positions=self.positions, labels=self.labels)
        name = f"scans/{scan_id}/canaries-{token.hex}.npz"
        return ArtifactStore(settings().artifacts).write_bytes(name, buffer.getvalue())

    @classmethod
    def load(cls, artifact: str | None) -> Canaries:
        """None of them without an artifact. Raises ArtifactNotFound."""
        if artifact is None:
            return NONE
        path = ArtifactStore(settings().artifacts).local_path(artifact)
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["positions"], arrays["labels"])


NONE = Canaries(np.empty(0, np.int64), np.empty(0))


def plant(store: ExampleStore, count: int) -> Canaries:
    """A uniform sample, each with a wrong label.

    Both are drawn by a hash of content and label. So the same examples are chosen however often
    one scans, and most of the same in another version of the data: their scores are there already.
    Of examples that are alike each is drawn by itself: a hash alone would draw all or none of them.

    Classes are drawn uniformly from the others. A target is shifted by SHIFT standard deviations,
    up or down.

    Raises:
        NoErrorToPlant: all targets are the same.
    """
    if not count:
        return NONE
    known = store.identities()
    seeds = known[:, 0] ^ mixed(known[:, 1] ^ _SEED)
    chance = mixed(seeds + _STEP * _alike_before(seeds))  # of each seed a row, as splitmix64's
    positions = np.sort(np.argsort(chance, kind="stable")[:count])
    turn = mixed(chance[positions])
    every = store.labels()
    given = every[positions]
    if store.meta.task == Task.classification:
        others = np.uint64(len(store.meta.classes or ()) - 1)
        other = (turn % others).astype(given.dtype)
        return Canaries(positions, other + (other >= given).astype(given.dtype))
    by = SHIFT * every.std()
    if not by > 0:
        raise NoErrorToPlant(
            "All targets are the same: a shift by standard deviations is none.",
            field="canaries",
            remedy="Plant none.",
        )
    return Canaries(positions, given + np.where(turn & np.uint64(1), by, -by))


def _alike_before(values: np.ndarray) -> np.ndarray:
    """(n,) uint64: how many equal ones stand before each."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    found = np.empty(len(values), np.uint64)
    runs = np.diff(np.append(begins, len(values)))
    found[order] = np.arange(len(values)) - np.repeat(begins, runs)
    return found
