"""Ways to scan, set beside each other: what each costs, and how alike they rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.runs.models import Checkpoint
from app.scans.estimate_schemas import Choice
from app.scans.models import Scan
from app.scans.schemas import Evidence
from app.settings import settings
from workers.influence.auto_layers import spearman as rank_correlation
from workers.scanning import ranking
from workers.scanning.columns import Columns, scores_of
from workers.scanning.dry_run import DryRun
from workers.scanning.rehearsal import Keeping
from workers.scanning.sketches import bytes_kept

_REUSE_BYTES = 10  # a result's place in an earlier scan: see workers/scanning/reuse.py


@dataclass(frozen=True)
class Way:
    """A way to scan.

    changes: what differs in the request.
    checkpoints: which of those asked for, in order.
    layers: the layers scored, as the request has them.
    dimension: of the sketches kept; 0: none.
    """

    name: str
    label: str
    changes: dict[str, Any]
    checkpoints: list[int]
    layers: str | list[str]
    dimension: int


def ways_to_scan(scan: Scan, checkpoints: Sequence[Checkpoint]) -> list[Way]:
    """The scan as asked first, then those that compute less."""
    k = len(checkpoints)
    everything = list(range(k))
    kept = 0 if scan.evidence is None else int(scan.evidence["dimension"])
    ways = [Way("as_asked", "As asked", {}, everything, scan.layer_choice, kept)]
    other = Evidence().dimension if kept == 0 else 0
    named = "without_evidence" if kept else "with_evidence"
    told = "Without evidence" if kept else "With evidence"
    ways.append(Way(named, told, {"evidence": not kept}, everything, scan.layer_choice, other))
    if scan.layer_choice != "last":
        changes = {"layers": "last"}
        ways.append(Way("last_layer", "Last layer only", changes, everything, "last", kept))

    def fewer(name: str, label: str, chosen: list[int]) -> Way:
        changes = {"checkpoints": [str(checkpoints[at].id) for at in chosen]}
        return Way(name, label, changes, chosen, scan.layer_choice, kept)

    if k > 2:
        chosen = everything[::-1][::2][::-1]  # counted from the end: the last one is among them
        label = f"Every second checkpoint ({len(chosen)} of {k})"
        ways.append(fewer("every_second_checkpoint", label, chosen))
    if k > 1:
        ways.append(fewer("last_checkpoint", "Last checkpoint alone", [k - 1]))
    return ways


def cost_of(
    way: Way,
    missing: np.ndarray,
    timed: DryRun,
    keeping: Keeping,
    *,
    asked: Way,
    weights_bytes: int,
    rank_agreement: float | None,
) -> Choice:
    """Extrapolate.

    Args:
        missing: (n, k) bool: results that no earlier scan holds, at this way's k checkpoints.
        timed: with this way's layers.
        keeping: of the scan as `asked`.
    """
    n, k = missing.shape
    asked_checkpoints = len(asked.checkpoints)
    to_compute, to_read = int(missing.sum()), int(missing.any(1).sum())
    loaded = int(missing.any(0).sum())
    compute, read = to_compute * timed.result_seconds, to_read * timed.read_seconds
    # Batches are read while others compute; on a CPU both want the same cores.
    scoring = compute + read if timed.device == "cpu" else max(compute, read)
    scoring += n * keeping.keep_seconds * k / asked_checkpoints
    start_up = loaded * timed.load_seconds + min(loaded, 2) * timed.check_seconds
    rows = keeping.row_bytes - 8 * (asked_checkpoints - k)  # a float in `terms` for each
    artifacts = keeping.artifact_bytes * k / asked_checkpoints
    artifacts += k * (bytes_kept(way.dimension) - bytes_kept(asked.dimension))
    artifacts += _REUSE_BYTES * k if to_compute < n * k else 0
    shard = 2 * min(n, settings().shard_size) * artifacts  # the columns, and the file made of them
    on_device = timed.peak_bytes + max(0, loaded - 1) * weights_bytes
    return Choice(
        name=way.name,
        label=way.label,
        request_changes=way.changes,
        seconds=start_up + scoring + n * keeping.finalise_seconds,
        scoring_seconds=scoring,
        memory_bytes=on_device + (int(shard) if timed.device == "cpu" else 0),
        disk_bytes=int(n * (rows + artifacts + 4 * way.dimension)),
        results_to_compute=to_compute,
        results_reused=n * k - to_compute,
        rank_agreement=rank_agreement,
    )


def agreement(
    scan: Scan,
    way: Way,
    asked: Sequence[Columns],
    etas: Sequence[float],
    labels: np.ndarray,
    scale: dict[str, Any],
) -> float | None:
    """Spearman's correlation of two rankings of the same m examples.

    Args:
        asked: for each checkpoint asked for, its columns with the layers asked for.
        labels: (m,), as given.
    Returns:
        None: a ranking has fewer than three finite scores, or one value only; or the last layer
        was not among the layers asked for.
    """
    chosen = [dict(asked[at]) for at in way.checkpoints]
    if way.layers != scan.layer_choice:  # the last layer's part comes with every pass
        for columns in chosen:
            columns["squared_norm"] = columns["last_layer"]
    name = ranking.column_of(scan.score, scan.weighting)

    def score(parts: Sequence[Columns], weights: Sequence[float]) -> np.ndarray:
        joined = {
            key: values if key == "classes" else np.concatenate([each[key] for each in parts], 1)
            for key, values in parts[0].items()
        }
        found: np.ndarray = scores_of(joined, weights, labels, **scale)[name]
        return found

    return spearman(score(asked, etas), score(chosen, [etas[at] for at in way.checkpoints]))


def spearman(one: np.ndarray, other: np.ndarray) -> float | None:
    """Of the values finite in both; None where these are too few, or all equal on a side."""
    finite = np.isfinite(one) & np.isfinite(other)
    if finite.sum() < 3 or np.ptp(one[finite]) == 0 or np.ptp(other[finite]) == 0:
        return None
    return float(np.clip(rank_correlation(one[finite], other[finite]), -1, 1))
