"""What a worker needs to score a scan, loaded once and kept between shards.

A `ScanSession` holds the example store, the preprocessor and a scorer with all checkpoints on
the device. A worker keeps the last few: shards of one scan follow one another.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import numpy as np
import torch

from app.artifacts import ArtifactStore
from app.datasets import queries as dataset_queries
from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset
from app.db import reading
from app.errors import Invalid
from app.runs import service as runs
from app.runs.models import Checkpoint, Loss, TrainingRun
from app.scans.models import Scan
from app.settings import settings
from workers.data.preprocess import Preprocessor
from workers.influence import InfluenceError, UnknownLayer
from workers.models import build_loss, build_model
from workers.models.checkpoints import load_checkpoint
from workers.scorers import Columns, build_scorer

logger = logging.getLogger(__name__)

_KEPT_SESSIONS = 2


class ModelDoesNotTakeExamples(Invalid):
    title = "Model does not take the examples"
    code = "model-does-not-take-examples"


class LayerUnknown(Invalid):
    title = "Layer unknown"
    code = "layer-unknown"


class ModelCannotBeScored(Invalid):
    title = "Model cannot be scored"
    code = "model-cannot-be-scored"


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
        assert dataset.store is not None, "only indexed datasets are scanned"
        self._store = ExampleStore(ArtifactStore(settings().artifacts).local_path(dataset.store))
        self._preprocessor = Preprocessor(run.preprocessing, self._store.meta)
        self._classification = run.loss == Loss.cross_entropy
        self._target_mean = float(run.preprocessing.get("target_mean", 0.0))
        self._target_std = float(run.preprocessing.get("target_std", 1.0))
        model = build_model(run.model, factories=settings().model_factories)
        self._scorer = build_scorer(
            "self_influence",
            model=model,
            loss=build_loss(run.loss),
            checkpoints=[
                (load_checkpoint(checkpoint, model), checkpoint.eta) for checkpoint in checkpoints
            ],
            layers=scan.layer_choice,
            device=None if settings().device == "auto" else settings().device,
            classification=self._classification,
        )

    @property
    def device(self) -> str:
        return self._scorer.device

    @property
    def coverage(self) -> dict[str, object]:
        """How each parameter is accounted for, as JSON; known after the check."""
        return self._scorer.coverage

    def check(self) -> None:
        """Score two examples and compare with plain autograd.

        Raises:
            ModelDoesNotTakeExamples: the forward pass or the loss fails on them.
            LayerUnknown: a layer asked for is not the model's.
            ModelCannotBeScored: an example has no gradient of its own, or the scores are not
                those of plain autograd.
        """
        rows = self._store.rows(0, min(2, len(self._store)))
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
    ) -> Columns:
        """Columns of examples `start` to `stop`, each of length `stop - start`.

        The next batch is read and preprocessed while this one computes. `on_progress` gets the
        number of examples done so far and may raise to stop.
        """
        parts: list[Columns] = []
        done = 0
        for inputs, targets in self._batches(start, stop):
            parts.append(self._scorer.score(inputs, targets))
            done += len(targets)
            on_progress(done)
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return self._in_units_of_the_targets(columns)

    def _in_units_of_the_targets(self, columns: Columns) -> Columns:
        """A regression's predictions and errors as people gave the targets, not as scaled.

        Gradients and losses stay those of the training, which saw scaled targets.
        """
        if self._classification:
            return columns
        return columns | {
            "predicted": columns["predicted"] * self._target_std + self._target_mean,
            "el2n": columns["el2n"] * self._target_std,
        }

    def _batches(self, start: int, stop: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        size = settings().batch_size
        with ThreadPoolExecutor(1, thread_name_prefix="decode") as ahead:
            bounds = [(first, min(first + size, stop)) for first in range(start, stop, size)]
            coming = ahead.submit(self._read, *bounds[0])
            for following in [*bounds[1:], None]:
                batch = coming.result()
                if following is not None:
                    coming = ahead.submit(self._read, *following)
                yield batch

    def _read(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self._store.rows(start, stop)
        return self._preprocessor.inputs(rows), self._preprocessor.targets(rows)


def parts_of_scan(scan: Scan) -> tuple[TrainingRun, Dataset, list[Checkpoint]]:
    with reading() as db:
        run = runs.run_of_scan(db, scan.run_id)
        dataset = dataset_queries.dataset_by_id(db, scan.dataset_id)
        checkpoints = runs.checkpoints_of(db, [UUID(each) for each in scan.checkpoint_ids])
    assert dataset is not None, "a scan's dataset cannot be deleted"
    return run, dataset, list(checkpoints)


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
