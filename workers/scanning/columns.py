"""A shard's results, checkpoint by checkpoint: its artifact, and how it becomes scores.

What one checkpoint says of an example depends on no other checkpoint and no other example. So the
artifacts keep it apart, later scans take it from there, and a scan's scores are put together when
it is finalised.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.artifacts import ArtifactStore
from app.settings import settings
from workers.influence import CheckpointScores, SelfInfluence, combine
from workers.scanning.sketches import SKETCH_COLUMNS, Columns, packed

NUMBERS = ("squared_norm", "last_layer", "loss", "margin", "el2n")

# Of more classes than this, the likeliest at each checkpoint are kept.
KEPT_CLASSES = 64
# Probabilities unfolded at a time while scores are put together.
_UNFOLDED_FLOATS = 1 << 22


class ShardColumns:
    """m examples by k checkpoints, filled part by part.

    `arrays` holds NUMBERS, (m, k) float64 each; `belief` (m, k, C) float32, class probabilities or
    a prediction; beyond KEPT_CLASSES also `belief_class` (m, k, KEPT_CLASSES) int32, whose they
    are, and `classes` (), how many there are; with sketches also `sketch` (m, k, d) int8 and
    `sketch_scale` (m, k) float32, as workers/scanning/sketches.py packs them.
    """

    def __init__(self, examples: int, checkpoints: int) -> None:
        self.arrays: Columns = {name: np.full((examples, checkpoints), np.nan) for name in NUMBERS}

    def put(self, rows: np.ndarray, checkpoint: int, scores: CheckpointScores) -> None:
        """Fill in one checkpoint's scores of the examples at `rows`."""
        for name in NUMBERS:
            self.arrays[name][rows, checkpoint] = getattr(scores, name)
        if scores.sketch is not None:
            for name, values in packed(scores.sketch).items():
                self._set(name, rows, checkpoint, values)
        belief = scores.belief.astype(np.float32)
        if belief.shape[1] <= KEPT_CLASSES:
            self._set("belief", rows, checkpoint, belief)
            return
        top = np.argpartition(-belief, KEPT_CLASSES, axis=1)[:, :KEPT_CLASSES].astype(np.int32)
        self._set("belief", rows, checkpoint, np.take_along_axis(belief, top, 1))
        self._set("belief_class", rows, checkpoint, top)
        self.arrays["classes"] = np.array(belief.shape[1])

    def copy(
        self,
        rows: np.ndarray,
        checkpoint: int,
        source: Columns,
        source_rows: np.ndarray,
        source_checkpoint: int,
    ) -> None:
        """Take one checkpoint's scores from another shard's columns."""
        for name, values in source.items():
            if name == "classes":
                self.arrays[name] = values
            else:
                self._set(name, rows, checkpoint, values[source_rows, source_checkpoint])

    def _set(self, name: str, rows: np.ndarray, checkpoint: int, values: np.ndarray) -> None:
        if name not in self.arrays:
            shape = (*self.arrays["loss"].shape, *values.shape[1:])
            self.arrays[name] = np.zeros(shape, values.dtype)
        self.arrays[name][rows, checkpoint] = values


def write_columns(name: str, columns: Columns) -> str:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **columns)
    return ArtifactStore(settings().artifacts).write_bytes(name, buffer.getvalue())


def read_columns(name: str, *, sketches: bool | None = None) -> Columns:
    """An artifact's columns.

    Args:
        sketches: only the sketches, or all else; both if not given.
    Raises:
        ArtifactNotFound
    """
    path = ArtifactStore(settings().artifacts).local_path(name)
    with np.load(path, allow_pickle=False) as arrays:
        return {
            key: arrays[key]
            for key in arrays.files
            if sketches is None or (key in SKETCH_COLUMNS) == sketches
        }


def scores_of(
    columns: Columns,
    etas: Sequence[float],
    labels: np.ndarray,
    *,
    target_std: float = 1.0,
    target_mean: float = 0.0,
) -> Columns:
    """A shard's scores over its checkpoints, as the tables hold them.

    Args:
        columns: of m examples and k checkpoints, as ShardColumns makes them.
        etas: (k,)
        labels: (m,) given labels (int) or targets (float).
        target_std, target_mean: how a regression's targets were scaled for the training. Its
            predictions and errors are given as people gave the targets; gradients and losses
            stay those of the training.
    Returns:
        `terms` (m, k); all else (m,): `self_influence`, `last_layer`, each with `_equal` beside it,
        means over checkpoints of `loss`, `margin` and `el2n`, `predicted`, `finite`; for classes
        also `probability` and `given_probability`.
    """
    whole = SelfInfluence.concatenate(
        [
            combine(_checkpoints(columns, cut), etas, labels[cut])
            for cut in _cuts(len(labels), _classes(columns))
        ]
    )
    is_classification = labels.dtype.kind == "i"
    found = {
        "terms": whole.terms,
        "self_influence": whole.self_influence,
        "self_influence_equal": whole.self_influence_equal,
        "last_layer": whole.last_layer,
        "last_layer_equal": whole.last_layer_terms.mean(axis=1),
        "loss": whole.loss.mean(axis=1),
        "el2n": whole.el2n.mean(axis=1) * (1.0 if is_classification else target_std),
        "predicted": whole.predicted
        if is_classification
        else whole.predicted * target_std + target_mean,
        "finite": whole.finite,
    }
    if is_classification:
        found |= {
            "margin": whole.margin.mean(axis=1),
            "probability": whole.probability,
            "given_probability": whole.given_probability,
        }
    return found


def target_scale(preprocessing: Mapping[str, Any]) -> dict[str, float]:
    """What `scores_of` needs of a run's preprocessing."""
    return {
        "target_std": float(preprocessing.get("target_std") or 1.0),
        "target_mean": float(preprocessing.get("target_mean") or 0.0),
    }


def _classes(columns: Columns) -> int:
    return int(columns["classes"]) if "classes" in columns else columns["belief"].shape[2]


def _cuts(examples: int, classes: int) -> list[slice]:
    step = max(1, _UNFOLDED_FLOATS // classes)
    return [slice(start, start + step) for start in range(0, examples, step)]


def _checkpoints(columns: Columns, cut: slice) -> list[CheckpointScores]:
    return [
        CheckpointScores(**{name: columns[name][cut, i] for name in NUMBERS}, belief=belief)
        for i in range(columns["loss"].shape[1])
        for belief in [_belief(columns, cut, i)]
    ]


def _belief(columns: Columns, cut: slice, checkpoint: int) -> np.ndarray:
    """(rows, C) float64: with more than KEPT_CLASSES, the unlikely ones are 0."""
    kept = columns["belief"][cut, checkpoint].astype(np.float64)
    if "belief_class" not in columns:
        return kept
    unfolded = np.zeros((len(kept), _classes(columns)))
    np.put_along_axis(unfolded, columns["belief_class"][cut, checkpoint], kept, 1)
    return unfolded
