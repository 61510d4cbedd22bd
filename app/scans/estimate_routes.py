from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.datasets.errors import DatasetNotReady
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.runs.errors import RunNotFound
from app.scans import estimates
from app.scans.errors import CheckpointUnusable, EstimateNotFound, NoCheckpoints
from app.scans.estimate_schemas import EstimateOut
from app.scans.schemas import ScanIn

router = APIRouter(prefix="/scans/estimates", tags=["scans"])


@router.post(
    "",
    status_code=202,
    response_model=EstimateOut,
    responses=problems(RunNotFound, DatasetNotReady, NoCheckpoints, CheckpointUnusable),
)
def ask_estimate(body: ScanIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> EstimateOut:
    """What a scan would cost in time, memory and disk, and what cheaper ones would.

    A worker makes a dry run of a few seconds: look at the estimate until it is `done`.
    """
    return once.run(
        db,
        caller,
        EstimateOut,
        lambda: EstimateOut.model_validate(estimates.ask_estimate(db, caller, body)),
    )


@router.get("/{estimate_id}", response_model=EstimateOut, responses=problems(EstimateNotFound))
def get_estimate(estimate_id: UUID, caller: Viewer, db: ReadSession) -> EstimateOut:
    """An estimate, with its result once it is `done`. Kept for a day."""
    return EstimateOut.model_validate(estimates.get_estimate(db, caller, estimate_id))
