from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.datasets.errors import DatasetNotFound
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.locations import LocationNotAllowed, LocationNotFound
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.runs import service
from app.runs.errors import (
    CheckpointExists,
    CheckpointNotFailed,
    CheckpointNotFound,
    LossUnfit,
    ModelUnknown,
    RunNotFound,
)
from app.runs.preprocessing import PreprocessingInvalid
from app.runs.schemas import CheckpointIn, CheckpointOut, RunIn, RunOut
from app.schemas import Page
from app.uploads.errors import UploadNotFound, UploadUnfinished

router = APIRouter(prefix="/runs", tags=["training runs"])


@router.post(
    "",
    status_code=201,
    response_model=RunOut,
    responses=problems(DatasetNotFound, ModelUnknown, LossUnfit, PreprocessingInvalid),
)
def register_run(body: RunIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> RunOut:
    return once.run(
        db,
        caller,
        RunOut,
        lambda: RunOut.model_validate(service.register_run(db, caller, body)),
    )


@router.get("", response_model=Page[RunOut])
def list_runs(
    caller: Viewer, db: ReadSession, after: PageAfter = None, limit: PageLimit = 50
) -> Page[RunOut]:
    """The project's training runs, newest first."""
    items, following = service.list_runs(db, caller, after=decode_time_cursor(after), limit=limit)
    return Page(items=[RunOut.model_validate(item) for item in items], next=following)


@router.get("/{run_id}", response_model=RunOut, responses=problems(RunNotFound))
def get_run(run_id: UUID, caller: Viewer, db: ReadSession) -> RunOut:
    return RunOut.model_validate(service.get_run(db, caller, run_id))


@router.post(
    "/{run_id}/checkpoints",
    status_code=201,
    response_model=CheckpointOut,
    responses=problems(
        RunNotFound,
        LocationNotAllowed,
        LocationNotFound,
        UploadNotFound,
        UploadUnfinished,
        CheckpointExists,
    ),
)
def register_checkpoint(
    run_id: UUID, body: CheckpointIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> CheckpointOut:
    """Register a checkpoint. A worker reads it and fits it to the model: see its `status`."""
    return once.run(
        db,
        caller,
        CheckpointOut,
        lambda: CheckpointOut.model_validate(service.register_checkpoint(db, caller, run_id, body)),
    )


@router.get(
    "/{run_id}/checkpoints", response_model=list[CheckpointOut], responses=problems(RunNotFound)
)
def list_checkpoints(run_id: UUID, caller: Viewer, db: ReadSession) -> list[CheckpointOut]:
    """All checkpoints of a run, in the order of their steps."""
    found = service.list_checkpoints(db, caller, run_id)
    return [CheckpointOut.model_validate(checkpoint) for checkpoint in found]


@router.post(
    "/{run_id}/checkpoints/{checkpoint_id}/retry",
    response_model=CheckpointOut,
    responses=problems(CheckpointNotFound, CheckpointNotFailed),
)
def retry_checkpoint(
    run_id: UUID, checkpoint_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly
) -> CheckpointOut:
    """Check a failed checkpoint again."""
    return once.run(
        db,
        caller,
        CheckpointOut,
        lambda: CheckpointOut.model_validate(
            service.retry_checkpoint(db, caller, run_id, checkpoint_id)
        ),
    )
