"""What a scan would cost, before it is started: asked for here, found out by a worker."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.db import new_id, now
from app.jobs.service import forget_old
from app.nudges import nudge
from app.scans import estimate_queries as queries
from app.scans.errors import EstimateNotFound
from app.scans.estimate_models import ScanEstimate
from app.scans.models import Scan
from app.scans.schemas import ScanIn
from app.scans.service import draft_scan, require_scannable, start_scan


def ask_estimate(db: Session, caller: Caller, body: ScanIn) -> ScanEstimate:
    """Queue a dry run of a scan. Raises what starting the scan would: see `require_scannable`."""
    run, dataset, checkpoints = require_scannable(db, caller, body)
    forget_old(db, ScanEstimate, caller.project_id)
    estimate = ScanEstimate(
        id=new_id(),
        project_id=caller.project_id,
        run_id=run.id,
        dataset_id=dataset.id,
        checkpoint_ids=[str(checkpoint.id) for checkpoint in checkpoints],
        request=body.model_dump(mode="json"),
        created_by=caller.label,
        nudged_at=now(),
    )
    db.add(estimate)
    db.flush()
    nudge(db, "scans.estimate", estimate.id)
    return estimate


def get_estimate(db: Session, caller: Caller, estimate_id: UUID) -> ScanEstimate:
    estimate = queries.estimate(db, caller.project_id, estimate_id)
    if estimate is None:
        raise EstimateNotFound(
            f"There is no estimate {estimate_id} in this project.",
            field="estimate_id",
            remedy="Estimates are kept for a day. Ask for a new one: POST …/scans/estimates.",
        )
    return estimate


def request_of(estimate: ScanEstimate, choice: str | None = None) -> ScanIn:
    """The request of the scan as asked, or of one of the choices beside it."""
    changes = {}
    if choice is not None:
        choices = (estimate.result or {}).get("choices", [])
        found = {each["name"]: each["request_changes"] for each in choices}
        if choice not in found:
            raise EstimateNotFound(
                f"This estimate has no choice {choice!r}.",
                field="choice",
                remedy="Choose one of those that it lists.",
            )
        changes = found[choice]
    return ScanIn.model_validate(estimate.request | changes)


def start_estimated(db: Session, caller: Caller, estimate_id: UUID, choice: str) -> Scan:
    """Start the scan that a choice describes. Raises what `start_scan` raises."""
    return start_scan(db, caller, request_of(get_estimate(db, caller, estimate_id), choice))


def draft_of(estimate: ScanEstimate, **changes: Any) -> Scan:
    """The scan whose cost is asked, in memory alone; with changes to its request if given."""
    return draft_scan(
        ScanIn.model_validate(estimate.request | changes),
        project_id=estimate.project_id,
        dataset_id=estimate.dataset_id,
        checkpoint_ids=estimate.checkpoint_ids,
    )
