"""What a worker needs to score a scan, loaded once and kept between shards.

A `ScanSession` holds the example store, the preprocessor and a scorer with all checkpoints on
the device. A worker keeps the last few: shards of one scan follow one another.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import zip_longest
from typing import NamedTuple
from uuid import UUID

import numpy as np
import torch

from app.datasets.example_store import Rows
from app.datasets.models import Dataset
from app.errors import Invalid
from app.runs.models import Checkpoint, TrainingRun
from app.scans.models import Precision, Scan
from app.settings import settings
from workers.data.preprocess import Preprocessor
from workers.influence import InfluenceError, SketchSpec, UnknownLayer
from workers.models import build_loss, build_model
from workers.models.checkpoints import load_checkpoint
from workers.scanning.canaries import Canaries
from workers.scanning.columns import Columns, ShardColumns
from workers.scanning.parts import parts_of_scan, store_of
from workers.scanning.reuse import Reuse, names_of
from workers.scanning.sketches import joined, weights_of
from workers.scorers import Scorer, build_scorer

logger = logging.getLogger(__name__)

_KEPT_SESSIONS = 2
# Examples that are scored before a scan: to check the rules, and to state a precision's error.
_CHECKED, _COMPARED = 2, 64


class ModelDoesNotTakeExamples(Invalid):
    title = "Model does not take the examples"
    code = "model-does-not-take-examples"


class LayerUnknown(Invalid):
    title = "Layer unknown"
    code = "layer-unknown"


class ModelCannotBeScored(Invalid):
    title = "Model cannot be scored"
    code = "model-cannot-be-scored"


class Scored(NamedTuple):
    """A shard's columns, how many results (example by checkpoint) were computed, and how long
    the engine took for them, in seconds.
    """

    columns: Columns
    computed: int
    engine_seconds: float


class Batch(NamedTuple):
    """Rows within the shard, the checkpoints to compute, and what the model takes."""

    rows: np.ndarray
    checkpoints: list[int]
    inputs: torch.Tensor
    targets: torch.Tensor


class ScanSession:
    """Scores ranges of a scan's examples.

    Raises (while being made):
        ProblemError: whatever the user must mend: an unknown layer, a checkpoint file that
            changed, weights that do not fit, preprocessing that does not fit the data.
    """

    def __init__(
        self, scan: Scan, run: TrainingRun, dataset: Dataset, checkpoints: list[Checkpoint]
    ) -> None:
        if settings().torch_threads:
            torch.set_num_threads(settings().torch_threads)
        self._dataset = dataset
        self._store = store_of(dataset)
        self._preprocessor = Preprocessor(run.preprocessing, self._store.meta)
        self._run, self._layers, self._checkpoints = run, scan.layer_choice, checkpoints
        self._precision = scan.precision
        self._sketch = None if scan.evidence is None else SketchSpec(**scan.evidence)
        self._canaries = Canaries.load(scan.planted)
        self._reuse = None if scan.reuse is None else Reuse.load(scan.reuse)
        needed = [True] * len(checkpoints) if scan.reuse is None else scan.reuse["needed"]
        self._load([at for at, is_needed in enumerate(needed) if is_needed])

    def _load(self, columns: list[int]) -> None:
        """Load these checkpoints' weights, and no others."""
        self._loaded = columns
        self._scorer: Scorer | None = None
        if not columns:
            return
        model = build_model(self._run.model, factories=settings().model_factories)
        chosen = [self._checkpoints[at] for at in columns]
        self._scorer = build_scorer(
            "self_influence",
            model=model,
            loss=build_loss(self._run.loss),
            checkpoints=[(load_checkpoint(each, model), each.eta) for each in chosen],
            layers=self._layers,
            device=None if settings().device == "auto" else settings().device,
            sketch=self._sketch,
            precision=self._precision,
            salts=[names_of(self._checkpoints)[at] for at in columns],
        )

    @property
    def device(self) -> str | None:
        """None: nothing is to be computed."""
        return None if self._scorer is None else self._scorer.device

    @property
    def coverage(self) -> dict[str, object] | None:
        """How each parameter is accounted for, as JSON; known after the check."""
        return None if self._scorer is None else self._scorer.coverage

    def check(self) -> None:
        """Score two examples and compare with plain autograd.

        Raises:
            ModelDoesNotTakeExamples: the forward pass or the loss fails on them.
            LayerUnknown: a layer asked for is not the model's.
            ModelCannotBeScored: an example has no gradient of its own, or the scores are not
                those of plain autograd.
        """
        if self._scorer is None:
            return
        n = _CHECKED if self._precision == Precision.full else _COMPARED
        rows = self._store.rows(0, min(n, len(self._store)))
        inputs, targets = self._preprocessor.inputs(rows), self._preprocessor.targets(rows)
        try:
            self._scorer.self_check(inputs, targets)
        except UnknownLayer as error:
            raise LayerUnknown(
                str(error), field="layers", remedy="Name layers of the model, or say `all`."
            ) from error
        except InfluenceError as error:
            raise ModelCannotBeScored(
                str(error), field="model", remedy="Change the model as the message says."
            ) from error
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            shape = " by ".join(map(str, inputs.shape[1:])) or "scalar"
            raise ModelDoesNotTakeExamples(
                f"The model fails on the first examples (input {shape}): "
                f"{str(error).splitlines()[0][:400]}",
                field="model",
                remedy="Check the model's arguments (input size, channels, classes) and the "
                "preprocessing against how the model was trained.",
            ) from error

    def score(
        self, start: int, stop: int, *, on_progress: Callable[[int], None] = lambda _done: None
    ) -> Scored:
        """Examples `start` to `stop` at all checkpoints: copied where an earlier scan has them.

        Canaries are at the positions that follow those of the examples, and never in one range
        with them.

        The next batch is read and preprocessed while this one computes. `on_progress` gets the
        number of examples done so far and may raise to stop.
        """
        # Mapped anew: the pages read for one shard leave the process with it.
        self._store = store_of(self._dataset)
        columns = ShardColumns(stop - start, len(self._checkpoints))
        missing = np.ones((stop - start, len(self._checkpoints)), bool)
        if self._reuse is not None:
            missing = self._reuse.fill(columns, start, stop, sketches=self._sketch is not None)
        if not set(np.flatnonzero(missing.any(0))) <= set(self._loaded):
            self._load(list(range(len(self._checkpoints))))  # an earlier scan's artifact is gone
        done = int((~missing.any(1)).sum())
        seconds = 0.0
        for rows, wanted, inputs, targets in self._batches(start, missing):
            assert self._scorer is not None
            began = time.perf_counter()
            only = [self._loaded.index(at) for at in wanted]
            for at, scores in zip(wanted, self._scorer.score(inputs, targets, only), strict=True):
                columns.put(rows, at, scores)
            seconds += time.perf_counter() - began
            done += len(rows)
            on_progress(done)
        return Scored(columns.arrays, int(missing.sum()), seconds)

    def sketch(self, rows: Rows, weighting: str) -> np.ndarray:
        """Sketches of any examples over all checkpoints, (m, d) float32, like the scan's own."""
        everything = list(range(len(self._checkpoints)))
        if self._loaded != everything:
            self._load(everything)
        assert self._scorer is not None
        inputs, targets = self._preprocessor.inputs(rows), self._preprocessor.targets(rows)
        columns = ShardColumns(len(rows), len(everything))
        for at, scores in enumerate(self._scorer.score(inputs, targets, everything)):
            columns.put(np.arange(len(rows)), at, scores)
        weights = weights_of(weighting, [each.eta for each in self._checkpoints])
        return joined(columns.arrays, weights)

    def _batches(self, start: int, missing: np.ndarray) -> Iterator[Batch]:
        """Batches of what is missing; in each all examples lack the same checkpoints."""
        size = settings().batch_size
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for lacking in np.unique(missing, axis=0):
            if lacking.any():
                rows = np.flatnonzero((missing == lacking).all(1))
                wanted = np.flatnonzero(lacking)
                parts += [(rows[at : at + size], wanted) for at in range(0, len(rows), size)]
        with reader_ahead() as ahead:
            coming = [ahead.submit(self._read, start + rows) for rows, _ in parts[:1]]
            for (rows, wanted), following in zip_longest(parts, parts[1:]):
                inputs, targets = coming.pop().result()
                if following is not None:
                    coming.append(ahead.submit(self._read, start + following[0]))
                yield Batch(rows, wanted.tolist(), inputs, targets)

    def _rows(self, positions: np.ndarray) -> Rows:
        examples = len(self._store)
        if positions[0] >= examples:
            return self._canaries.rows(self._store, positions - examples)
        return self._store.take(positions)

    def _read(self, positions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self._rows(positions)
        inputs, targets = self._preprocessor.inputs(rows), self._preprocessor.targets(rows)
        if (self.device or "").startswith("cuda"):
            # From pinned memory a batch goes to the device while the last one computes there.
            return inputs.pin_memory(), targets.pin_memory()
        return inputs, targets


def reader_ahead() -> ThreadPoolExecutor:
    """One thread, which torch does not help with others.

    Threads of its own would be one team too many for OpenMP: with more of them than cores it sleeps
    at the end of each loop, and a scan takes half as long again.
    """
    # Whoever asks first keeps its number; a thread that never asked would get the reader's.
    torch.get_num_threads()
    return ThreadPoolExecutor(1, "decode", initializer=partial(torch.set_num_threads, 1))


_sessions: OrderedDict[UUID, ScanSession] = OrderedDict()


def open_session(scan: Scan) -> ScanSession:
    """The session of a scan, from memory if this worker has it."""
    session = _sessions.pop(scan.id, None)
    if session is None:
        while len(_sessions) >= _KEPT_SESSIONS:
            _sessions.popitem(last=False)
        session = ScanSession(scan, *parts_of_scan(scan))
        logger.info("scan %s: weights loaded on %s", scan.id, session.device)
    _sessions[scan.id] = session
    return session


def close_session(scan_id: UUID) -> None:
    _sessions.pop(scan_id, None)
