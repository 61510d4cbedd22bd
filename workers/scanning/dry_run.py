"""Scoring a few batches to see what a scan takes.

One checkpoint's weights are loaded at a time, so that a dry run needs less than the scan. It is
bounded in time, except that one batch must run to be timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from app.datasets.models import Dataset
from app.runs.models import Checkpoint, TrainingRun
from app.scans.models import Scan
from app.settings import settings
from workers.scanning.columns import Columns
from workers.scanning.peak_memory import forget_peak, peak_bytes
from workers.scanning.session import ScanSession

_BATCHES = 5
_TIMED_S = 2.0
_COMPARED_S = 3.0

Range = tuple[int, int]


@dataclass(frozen=True)
class DryRun:
    """What scoring at one checkpoint takes. Seconds are medians over the batches.

    batches: ranges of examples scored, and the columns that came out, beside each other.
    result_seconds: the engine's, for an example and checkpoint.
    read_seconds: to read and preprocess an example.
    load_seconds: to build the model and load one checkpoint.
    check_seconds: to compare two examples with plain autograd.
    peak_bytes: of the process with one checkpoint loaded, or on the GPU.
    """

    device: str
    batches: list[Range]
    columns: list[Columns]
    result_seconds: float
    read_seconds: float
    load_seconds: float
    check_seconds: float
    peak_bytes: int


def rehearse_scoring(
    scan: Scan,
    run: TrainingRun,
    dataset: Dataset,
    checkpoint: Checkpoint,
    examples: int,
    check_lease: Callable[[], None],
) -> DryRun:
    """Load, check and time a scan at one checkpoint.

    Args:
        scan: of which `layers` count.
        examples: of the dataset.
        check_lease: called between batches; raises to stop.
    Raises:
        ProblemError: what planning the scan would raise.
    """
    forget_peak()
    began = time.perf_counter()
    session = ScanSession(scan, run, dataset, [checkpoint])
    loaded = time.perf_counter()
    session.check()
    checked = time.perf_counter()
    batches: list[Range] = []
    columns: list[Columns] = []
    engine: list[float] = []
    reading: list[float] = []
    for start, stop in _spread(examples):
        at = time.perf_counter()
        scored = session.score(start, stop)
        seconds = time.perf_counter() - at
        check_lease()
        batches.append((start, stop))
        columns.append(scored.columns)
        engine.append(scored.engine_seconds / (stop - start))
        reading.append((seconds - scored.engine_seconds) / (stop - start))
        if time.perf_counter() - checked > _TIMED_S:
            break
    assert session.device is not None
    return DryRun(
        device=session.device,
        batches=batches,
        columns=columns,
        # The first batch warms caches up, and counts only where it stands alone.
        result_seconds=median(engine[1:] or engine),
        read_seconds=median(reading[1:] or reading),
        load_seconds=loaded - began,
        check_seconds=checked - loaded,
        peak_bytes=peak_bytes(session.device),
    )


def _spread(examples: int) -> Iterator[Range]:
    """Batches evenly over the dataset, which may be sorted by class; the same again if it has
    fewer.
    """
    size = min(settings().batch_size, examples)
    for start in np.linspace(0, examples - size, _BATCHES).astype(int).tolist():
        yield start, start + size


def other_checkpoints(
    scan: Scan,
    run: TrainingRun,
    dataset: Dataset,
    checkpoints: list[Checkpoint],
    timed: DryRun,
    check_lease: Callable[[], None],
) -> list[list[Columns]] | None:
    """Columns of the timed batches at other checkpoints, to compare rankings with.

    Returns:
        For each checkpoint, the columns of the first batches, as many as time allows; None if it
        allows not one.
    """
    batch = timed.result_seconds * (timed.batches[0][1] - timed.batches[0][0])
    left = _COMPARED_S / max(len(checkpoints), 1) - timed.load_seconds
    count = min(int(left / max(batch, 1e-9)), len(timed.batches))
    if count < 1:
        return None
    found = []
    for checkpoint in checkpoints:
        session = ScanSession(scan, run, dataset, [checkpoint])
        found.append([session.score(*each).columns for each in timed.batches[:count]])
        check_lease()
    return found
