"""Cost before work: a dry run of a few batches, and what it says of the whole scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset
from app.errors import ProblemError
from app.runs.models import Checkpoint, TrainingRun
from app.scans.estimate_models import ScanEstimate
from app.scans.estimate_schemas import Basis, EstimateResult
from app.scans.estimates import draft_of
from app.scans.models import Scan
from app.settings import settings
from workers.leases import Heartbeat
from workers.models import build_model
from workers.models.jobs import require_usable
from workers.scanning.canaries import Canaries, plant
from workers.scanning.choices import Way, agreement, cost_of, ways_to_scan
from workers.scanning.columns import Columns, target_scale
from workers.scanning.dry_run import DryRun, other_checkpoints, rehearse_scoring
from workers.scanning.layer_choice import settle_layers
from workers.scanning.parts import parts_of_scan, store_of
from workers.scanning.rehearsal import Keeping, rehearse_keeping
from workers.scanning.reuse import engine_key, find_reuse
from workers.small_jobs import run_small_job


def run_estimate(estimate_id: UUID) -> None:
    """Make an estimate. Safe to call at any time and any number of times."""
    run_small_job(
        ScanEstimate,
        estimate_id,
        "Estimating",
        lambda estimate, token, heartbeat: _Estimating(estimate, token, heartbeat).result(),
    )


class _Measured(NamedTuple):
    """Of some layers: a dry run, and which results no earlier scan holds, (n, k) bool."""

    timed: DryRun
    missing: np.ndarray


class _Estimating:
    """One estimate being made."""

    def __init__(self, estimate: ScanEstimate, token: UUID, heartbeat: Heartbeat) -> None:
        self._estimate, self._token, self._heartbeat = estimate, token, heartbeat
        self._scan: Scan = draft_of(estimate)
        self._run: TrainingRun
        self._dataset: Dataset
        self._checkpoints: list[Checkpoint]
        self._run, self._dataset, self._checkpoints = parts_of_scan(self._scan)
        self._store: ExampleStore = store_of(self._dataset)
        self._canaries: Canaries = plant(self._store, self._scan.canaries)

    def result(self) -> dict[str, Any]:
        """An EstimateResult as JSON. Raises what planning the scan would raise."""
        require_usable(self._run, self._checkpoints)
        settle_layers(self._scan, self._run, self._store, self._checkpoints)
        ways = ways_to_scan(self._scan, self._checkpoints)
        # The cheaper first: what a process once held may stay in its resident memory.
        last = self._measured_last_layer(ways)
        (toggled,) = (way for way in ways if "evidence" in way.changes)
        changed = draft_of(self._estimate, **toggled.changes)
        changed.layers = self._scan.layers
        other = self._measured(changed)
        asked = self._measured(self._scan)
        columns, labels = self._compared(asked.timed)
        scale = target_scale(self._run.preprocessing)
        keeping = rehearse_keeping(
            self._token, self._scan, self._checkpoints, columns[-1], labels, scale
        )
        etas = [each.eta for each in self._checkpoints]
        weights_bytes = self._weights_bytes()
        choices = []
        for way in ways:
            measured = asked if way.layers == self._scan.layer_choice else last
            if way is toggled:
                measured = other
            if measured is None:
                continue
            is_known = len(columns) == len(etas)
            alike = agreement(self._scan, way, columns, etas, labels, scale) if is_known else None
            choices.append(
                cost_of(
                    way,
                    measured.missing[:, way.checkpoints],
                    measured.timed,
                    keeping,
                    asked=ways[0],
                    weights_bytes=weights_bytes,
                    rank_agreement=alike if way.changes else 1.0,
                )
            )
        return EstimateResult(
            choices=choices, basis=_basis(asked.timed, keeping, weights_bytes)
        ).model_dump(mode="json")

    def _measured(self, scan: Scan) -> _Measured:
        timed = rehearse_scoring(
            scan,
            self._run,
            self._dataset,
            self._checkpoints[-1],
            len(self._store),
            self._heartbeat.check,
        )
        return _Measured(timed, self._missing(scan))

    def _measured_last_layer(self, ways: Sequence[Way]) -> _Measured | None:
        """None: it is not among the ways, or the model has none to tell from the rest."""
        if all(way.layers == self._scan.layer_choice for way in ways):
            return None
        try:
            return self._measured(draft_of(self._estimate, layers="last"))
        except ProblemError:
            return None  # if the scan as asked has the same fault, its own dry run says so

    def _compared(self, timed: DryRun) -> tuple[list[Columns], np.ndarray]:
        """For each checkpoint the columns of the same examples, and their labels.

        If time does not allow for all checkpoints: of the last one alone.
        """
        others = other_checkpoints(
            self._scan,
            self._run,
            self._dataset,
            self._checkpoints[:-1],
            timed,
            self._heartbeat.check,
        )
        count = len(timed.batches) if not others else len(others[0])
        parts = [*(others or []), timed.columns[:count]]
        labels = [self._store.keys_and_labels(*each)[1] for each in timed.batches[:count]]
        return [_joined(each) for each in parts], np.concatenate(labels)

    def _missing(self, scan: Scan) -> np.ndarray:
        """(n, k) bool; the canaries after the examples."""
        count = len(self._store) + len(self._canaries)
        everything = np.ones((count, len(self._checkpoints)), bool)
        if scan.fresh:
            return everything
        scan.engine_key = engine_key(scan, self._run, self._store.meta)
        reuse = find_reuse(scan, self._dataset, self._store, self._checkpoints, self._canaries)
        return everything if reuse is None else reuse.missing

    def _weights_bytes(self) -> int:
        model = build_model(self._run.model, factories=settings().model_factories)
        return sum(each.numel() * each.element_size() for each in model.state_dict().values())


def _basis(timed: DryRun, keeping: Keeping, weights_bytes: int) -> Basis:
    return Basis(
        device=timed.device,
        batch_size=settings().batch_size,
        batches_timed=len(timed.batches),
        examples_timed=len({at for each in timed.batches for at in range(*each)}),
        workers=1,
        result_seconds=timed.result_seconds,
        read_seconds=timed.read_seconds,
        load_seconds=timed.load_seconds,
        handling_seconds=keeping.keep_seconds + keeping.finalise_seconds,
        disk_bytes_per_example=keeping.artifact_bytes + keeping.row_bytes,
        weights_bytes=weights_bytes,
    )


def _joined(parts: Sequence[Columns]) -> Columns:
    """Batches' columns, one after another."""
    return {
        name: values if name == "classes" else np.concatenate([each[name] for each in parts])
        for name, values in parts[0].items()
    }
