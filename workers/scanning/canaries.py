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
from app.datasets.identity import mixed
from app.datasets.models import Task
from app.errors import Invalid
from app.settings import settings

SHIFT = 2.0
"""A regression's target is wrong by so many standard deviations of all targets."""
_SEED = np.uint64(0xC1EA27ACE)


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
        labels = store.keys_and_labels(0, len(store))[1].copy()
        labels[self.positions] = self.labels
        return store.identities(labels)[self.positions]

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

    Classes are drawn uniformly from the others. A target is shifted by SHIFT standard deviations,
    up or down.

    Raises:
        NoErrorToPlant: all targets are the same.
    """
    if not count:
        return NONE
    identities = store.identities()
    chance = mixed(identities[:, 0] ^ mixed(identities[:, 1] ^ _SEED))
    positions = np.sort(np.argsort(chance, kind="stable")[:count])
    turn = mixed(chance[positions])
    every = store.keys_and_labels(0, len(store))[1]
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
