"""Starting, watching, stopping and retrying scans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.datasets.models import Dataset, Task
from app.datasets.service import get_ready_dataset
from app.db import new_id, now
from app.errors import Invalid
from app.nudges import nudge
from app.paging import cut_page
from app.runs.models import Checkpoint, CheckpointStatus, TrainingRun
from app.runs.service import get_run, list_checkpoints
from app.scans import queries
from app.scans.endings import announce_end
from app.scans.errors import (
    CheckpointUnusable,
    NoCheckpoints,
    ScanFinished,
    ScanNotFound,
    ScanNotRetriable,
)
from app.scans.models import RankedScore, Scan, ScanStatus
from app.scans.schemas import Evidence, ProgressOut, ScanIn, ScanOut

_SPEED_WINDOW_S = 60.0


class Asked(NamedTuple):
    """What a request for a scan names, found and fit for it."""

    run: TrainingRun
    dataset: Dataset
    checkpoints: Sequence[Checkpoint]


def require_scannable(db: Session, caller: Caller, body: ScanIn) -> Asked:
    """Whatever can be found wrong with a request without a worker.

    Raises:
        RunNotFound, DatasetNotReady.
        NoCheckpoints: the run has none, or one asked for is not the run's.
        CheckpointUnusable: one failed its check.
    """
    run = get_run(db, caller, body.run_id)
    dataset = get_ready_dataset(db, caller, run.dataset_id)
    if dataset.task == Task.regression and body.score is RankedScore.margin:
        raise Invalid(
            "A regression has no margin to rank by.",
            field="score",
            remedy="Rank by self_influence, last_layer, loss or el2n.",
        )
    _require_room_for_canaries(dataset, body.canaries)
    return Asked(run, dataset, _chosen_checkpoints(list_checkpoints(db, caller, run.id), body))


def _require_room_for_canaries(dataset: Dataset, canaries: int) -> None:
    most = dataset.example_count or 0
    if canaries > most:
        raise Invalid(
            f"There are fewer examples than canaries to plant: {most}.",
            field="canaries",
            remedy=f"Plant at most {most}.",
        )
    if canaries and dataset.task == Task.classification and len(dataset.classes or []) < 2:
        raise Invalid(
            "The dataset has one class: no label can be wrong.",
            field="canaries",
            remedy="Plant none.",
        )


def draft_scan(
    body: ScanIn, *, project_id: UUID, dataset_id: UUID, checkpoint_ids: list[str]
) -> Scan:
    """The scan that a request asks for, not yet anywhere but in memory."""
    return Scan(
        id=new_id(),
        project_id=project_id,
        run_id=body.run_id,
        dataset_id=dataset_id,
        layers=[body.layers] if isinstance(body.layers, str) else body.layers,
        checkpoint_ids=checkpoint_ids,
        weighting=body.weighting.value,
        score=body.score.value,
        policy=body.policy.model_dump(mode="json"),
        evidence=_evidence(body.evidence),
        fresh=body.fresh,
        precision=body.precision.value,
        canaries=body.canaries,
    )


def start_scan(db: Session, caller: Caller, body: ScanIn) -> Scan:
    """Queue a scan of the run's dataset. Raises what `require_scannable` raises."""
    run, dataset, checkpoints = require_scannable(db, caller, body)
    scan = draft_scan(
        body,
        project_id=caller.project_id,
        dataset_id=dataset.id,
        checkpoint_ids=[str(checkpoint.id) for checkpoint in checkpoints],
    )
    scan.created_by = caller.label
    scan.example_count = dataset.example_count or 0
    scan.nudged_at = now()
    db.add(scan)
    db.flush()
    audit(db, caller, "start_scan", f"scan {scan.id}", run=str(run.id))
    nudge(db, "scans.plan", scan.id)
    return scan


def _evidence(asked: Evidence | bool) -> dict[str, Any] | None:
    chosen = Evidence() if asked is True else asked
    return chosen.model_dump() if chosen else None


def _chosen_checkpoints(checkpoints: Sequence[Checkpoint], body: ScanIn) -> Sequence[Checkpoint]:
    if not checkpoints:
        raise NoCheckpoints(
            "The run has no checkpoints to score with.",
            field="run_id",
            remedy="Register at least one: POST …/runs/{run_id}/checkpoints.",
        )
    if body.checkpoints != "all":
        wanted = set(body.checkpoints)
        unknown = wanted - {checkpoint.id for checkpoint in checkpoints}
        if unknown:
            raise NoCheckpoints(
                f"The run has no checkpoint {', '.join(sorted(map(str, unknown)))}.",
                field="checkpoints",
                remedy="List the run's checkpoints to see their ids, or say `all`.",
            )
        checkpoints = [checkpoint for checkpoint in checkpoints if checkpoint.id in wanted]
    for checkpoint in checkpoints:
        if checkpoint.status == CheckpointStatus.failed:
            raise CheckpointUnusable(
                f"The checkpoint at step {checkpoint.step} cannot be used: "
                f"{(checkpoint.failure or {}).get('detail', '')}",
                field="checkpoints",
                remedy="Mend the file and retry the checkpoint, or name the others only.",
            )
    return checkpoints


def get_scan(db: Session, caller: Caller, scan_id: UUID) -> Scan:
    scan = queries.scan(db, caller.project_id, scan_id)
    if scan is None:
        raise ScanNotFound(
            f"There is no scan {scan_id} in this project.",
            field="scan_id",
            remedy="List the scans to see their ids.",
        )
    return scan


def list_scans(
    db: Session,
    caller: Caller,
    *,
    dataset_id: UUID | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[Scan], str | None]:
    rows = queries.scans_newest_first(
        db, caller.project_id, dataset_id=dataset_id, after=after, limit=limit + 1
    )
    return cut_page(rows, limit, lambda scan: (scan.created_at, scan.id))


def latest_scan(db: Session, dataset: Dataset, *, complete: bool) -> Scan | None:
    """The newest scan of a dataset whose tenancy was checked, complete or in any state."""
    return queries.latest_scan(db, dataset.id, complete=complete)


def cancel_scan(db: Session, caller: Caller, scan_id: UUID) -> Scan:
    """Stop an unfinished scan. What it has scored stays, and a retry goes on from there."""
    scan = get_scan(db, caller, scan_id)
    if not queries.cancel_scan(db, scan_id):
        raise ScanFinished(
            f"The scan is over: it is {scan.status}.",
            remedy="Only a queued or running scan can be cancelled.",
        )
    audit(db, caller, "cancel_scan", f"scan {scan_id}")
    announce_end(db, scan_id)
    db.refresh(scan)
    return scan


def retry_scan(db: Session, caller: Caller, scan_id: UUID) -> Scan:
    """Go on with a failed or cancelled scan; shards that were done are not done again."""
    scan = get_scan(db, caller, scan_id)
    if not queries.retry_scan(db, scan_id):
        raise ScanNotRetriable(
            f"The scan has neither failed nor been cancelled: it is {scan.status}.",
            remedy="To score again, start a new scan.",
        )
    audit(db, caller, "retry_scan", f"scan {scan_id}")
    nudge(db, "scans.plan", scan_id)
    db.refresh(scan)
    return scan


def describe_scans(db: Session, scans: Sequence[Scan]) -> list[ScanOut]:
    """Scans with their progress, in two statements however many they are."""
    counts = queries.progress_of(db, [scan.id for scan in scans], _SPEED_WINDOW_S)
    described = []
    for scan in scans:
        row = counts.get(scan.id)
        progress = ProgressOut(
            examples_done=int(row.examples_done or 0) if row else 0,
            example_count=scan.example_count,
            shards_done=row.shards_done if row else 0,
            shard_count=row.shard_count if row else 0,
            examples_per_second=None,
            seconds_left=None,
            seconds_elapsed=None,
        )
        at = scan.finished_at or (row.at if row else now())
        if scan.started_at is not None:
            progress.seconds_elapsed = max(0.0, (at - scan.started_at).total_seconds())
        if row and scan.status == ScanStatus.running and progress.seconds_elapsed:
            span = min(_SPEED_WINDOW_S, progress.seconds_elapsed)
            speed = float(row.recent or 0) / span
            if speed > 0:
                progress.examples_per_second = speed
                progress.seconds_left = float(row.left or 0) / speed
        elif scan.status == ScanStatus.complete and progress.seconds_elapsed:
            progress.examples_per_second = scan.example_count / progress.seconds_elapsed
            progress.seconds_left = 0.0
        values = {
            name: getattr(scan, name)
            for name in ScanOut.model_fields
            if name not in {"layers", "progress"}
        }
        described.append(
            ScanOut.model_validate(values | {"layers": scan.layer_choice, "progress": progress})
        )
    return described


def describe_scan(db: Session, scan: Scan) -> ScanOut:
    return describe_scans(db, [scan])[0]


def latest_recall(db: Session, dataset_id: UUID) -> dict[str, Any] | None:
    """What became of the canaries of the dataset's newest complete scan that has some.

    With its id as `scan_id`. The caller has made sure that the dataset may be looked at.
    """
    row = queries.latest_canaries(db, dataset_id)
    return None if row is None else row.canaries | {"scan_id": row.id}
