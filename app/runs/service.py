"""Registering training runs and their checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.datasets.models import Task
from app.datasets.service import get_dataset
from app.db import new_id, now
from app.nudges import nudge
from app.paging import cut_page
from app.runs import queries
from app.runs.architectures import require_known_model
from app.runs.errors import (
    CheckpointExists,
    CheckpointNotFailed,
    CheckpointNotFound,
    LossUnfit,
    RunNotFound,
)
from app.runs.models import Checkpoint, CheckpointStatus, Loss, TrainingRun
from app.runs.schemas import CheckpointIn, RunIn
from app.settings import settings
from app.uploads.service import locate

_LOSS_OF_TASK = {Task.classification: Loss.cross_entropy, Task.regression: Loss.squared_error}


def register_run(db: Session, caller: Caller, body: RunIn) -> TrainingRun:
    """Register a training run on a dataset.

    Raises:
        DatasetNotFound, ModelUnknown, LossUnfit, PreprocessingInvalid.
    """
    dataset = get_dataset(db, caller, body.dataset_id)
    require_known_model(body.model.name, settings().model_factories)
    fitting = _LOSS_OF_TASK[Task(dataset.task)]
    loss = body.loss or fitting
    if loss is not fitting:
        raise LossUnfit(
            f"The loss {loss.value} does not fit a {dataset.task}.",
            field="loss",
            remedy=f"Use {fitting.value}, or leave `loss` out.",
        )
    if dataset.modality is not None:  # else the planning of a scan finds out
        body.preprocessing.require_fit(modality=dataset.modality, task=dataset.task)
    run = TrainingRun(
        id=new_id(),
        project_id=caller.project_id,
        dataset_id=dataset.id,
        name=body.name,
        model=body.model.model_dump(mode="json"),
        preprocessing=body.preprocessing.model_dump(mode="json", exclude_none=True),
        loss=loss.value,
    )
    db.add(run)
    db.flush()
    audit(db, caller, "register_run", f"run {run.id}", name=body.name)
    return run


def get_run(db: Session, caller: Caller, run_id: UUID) -> TrainingRun:
    run = queries.run(db, caller.project_id, run_id)
    if run is None:
        raise RunNotFound(
            f"There is no training run {run_id} in this project.",
            field="run_id",
            remedy="List the runs to see their ids.",
        )
    return run


def list_runs(
    db: Session,
    caller: Caller,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[TrainingRun], str | None]:
    rows = queries.runs_newest_first(db, caller.project_id, after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda run: (run.created_at, run.id))


def register_checkpoint(
    db: Session, caller: Caller, run_id: UUID, body: CheckpointIn
) -> Checkpoint:
    """Register a checkpoint of a run and ask for it to be checked.

    Raises:
        RunNotFound, LocationNotAllowed, LocationNotFound, UploadNotFound, UploadUnfinished.
        CheckpointExists: the run has a checkpoint at this step.
    """
    run = get_run(db, caller, run_id)
    uri = locate(db, caller, body.uri)
    values = body.model_dump(exclude={"uri"}) | {
        "id": new_id(),
        "run_id": run.id,
        "uri": uri,
        "status": CheckpointStatus.registered.value,
        "created_at": now(),
        "nudged_at": now(),
        "attempts": 0,
    }
    checkpoint = queries.add_checkpoint(db, values)
    if checkpoint is None:
        raise CheckpointExists(
            f"The run has a checkpoint at step {body.step} already.",
            field="step",
            remedy="Each checkpoint of a run has its own step.",
        )
    audit(db, caller, "register_checkpoint", f"checkpoint {checkpoint.id}", run=str(run.id))
    nudge(db, "runs.check_checkpoint", checkpoint.id)
    return checkpoint


def list_checkpoints(db: Session, caller: Caller, run_id: UUID) -> Sequence[Checkpoint]:
    """All checkpoints of a run in the order of their steps."""
    return queries.checkpoints_in_order(db, get_run(db, caller, run_id).id)


def checkpoint_counts(db: Session, run_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many checkpoints runs have whose tenancy was checked; runs without any are left out."""
    return queries.checkpoint_counts(db, run_ids)


def newest_run_on(db: Session, caller: Caller, dataset_id: UUID) -> TrainingRun | None:
    return queries.newest_run_on(db, caller.project_id, dataset_id)


def checkpoints_of(db: Session, ids: Sequence[UUID]) -> Sequence[Checkpoint]:
    """The checkpoints with these ids, in the order of their steps."""
    return queries.checkpoints_by_id(db, ids)


def runs_of(db: Session, ids: Iterable[UUID]) -> dict[UUID, TrainingRun]:
    """The runs of scans whose tenancy was checked, in one statement."""
    return {run.id: run for run in queries.runs_by_id(db, list(set(ids)))}


def run_of_scan(db: Session, run_id: UUID) -> TrainingRun:
    """The run of a scan whose tenancy was checked with the scan."""
    run = queries.run_by_id(db, run_id)
    assert run is not None, "a scan's run cannot be deleted"
    return run


def retry_checkpoint(db: Session, caller: Caller, run_id: UUID, checkpoint_id: UUID) -> Checkpoint:
    """Check a failed checkpoint again, after the file was mended."""
    checkpoint = queries.checkpoint(db, caller.project_id, run_id, checkpoint_id)
    if checkpoint is None:
        raise CheckpointNotFound(
            f"The run {run_id} has no checkpoint {checkpoint_id}.",
            field="checkpoint_id",
            remedy="List the run's checkpoints to see their ids.",
        )
    if not queries.reset_check(db, checkpoint_id):
        raise CheckpointNotFailed(
            f"The checkpoint has not failed: it is {checkpoint.status}.",
            remedy="Only a failed checkpoint can be retried.",
        )
    audit(db, caller, "retry_checkpoint", f"checkpoint {checkpoint_id}")
    nudge(db, "runs.check_checkpoint", checkpoint_id)
    db.refresh(checkpoint)
    return checkpoint
