"""The sweep: finds work that was forgotten and nudges workers again. `python -m workers.sweep`.

Its own small process, so that a worker that is busy for an hour does not hold it up. It decides
nothing that a worker would not decide again: running two of them is harmless.
"""

from __future__ import annotations

import logging
import signal
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import nudges
from app.datasets import queries as dataset_queries
from app.db import transaction
from app.evidence.models import EvidenceRequest
from app.exports.models import Export
from app.jobs import queries as jobs
from app.jobs.models import Job
from app.reviews.announcements import announce_finished
from app.runs import queries as run_queries
from app.scans import job_queries as scans
from app.scans import sweep_queries as lost
from app.scans.endings import announce_end
from app.scans.estimate_models import ScanEstimate
from app.scans.models import ScanStatus, Shard
from app.settings import settings
from app.uploads.models import Upload
from app.webhooks import delivery_queries as webhooks
from workers.orphans import OrphanSweep

logger = logging.getLogger(__name__)

# How long a nudge may take to be acted upon before it counts as lost. A nudge too many costs a
# worker one look into the database.
SILENT_S = 10.0

_WEBHOOKS_KEPT, _WEBHOOKS_DROPPED_AT_ONCE = timedelta(days=30), 1000

_SMALL_JOBS = (
    (Upload, "uploads.assemble"),
    (ScanEstimate, "scans.estimate"),
    (EvidenceRequest, "scans.evidence"),
    (Export, "exports.make"),
)
_OUT_OF_MEMORY = "Look for a worker that ran out of memory"
_REMEDY = (
    f"{_OUT_OF_MEMORY}: the scan itself needs as much. A smaller CLEANTRACE_BATCH_SIZE needs less."
)
_REMEDIES: dict[type[Job], str] = {
    Upload: "Look for a worker that ran out of disk; then send the file again.",
    Export: f"{_OUT_OF_MEMORY}; then ask for a new export.",
}


def _exhausted_job(kind: type[Job]) -> dict[str, Any]:
    return {
        "title": "Workers died",
        "status": 500,
        "detail": "There is no result: workers died or fell silent over it.",
        "remedy": _REMEDIES.get(kind, _REMEDY),
    }


def sweep() -> None:
    """One round. Raises SQLAlchemyError: the database is away."""
    _revive_scans()
    with transaction() as db:
        for dataset_id in dataset_queries.forgotten_indexing(db, SILENT_S):
            nudges.nudge(db, "datasets.index", dataset_id)
        for checkpoint_id in run_queries.forgotten_checks(db, SILENT_S):
            nudges.nudge(db, "runs.check_checkpoint", checkpoint_id)
        for scan_id in lost.forgotten_scans(db, ScanStatus.queued, SILENT_S):
            nudges.nudge(db, "scans.plan", scan_id)
        for scan_id in lost.forgotten_scans(db, ScanStatus.finalising, SILENT_S):
            nudges.nudge(db, "scans.finalise", scan_id)
        for kind, task in _SMALL_JOBS:
            jobs.fail_exhausted_jobs(db, kind, settings().max_attempts, _exhausted_job(kind))
            for job_id in jobs.forgotten_jobs(db, kind, SILENT_S):
                nudges.nudge(db, task, job_id)
        for endpoint_id in webhooks.forgotten_endpoints(db, SILENT_S):
            nudges.nudge(db, "webhooks.deliver", endpoint_id)
        announce_finished(db)
        webhooks.give_up_late(db)
        webhooks.drop_old(db, _WEBHOOKS_KEPT, _WEBHOOKS_DROPPED_AT_ONCE)


def _revive_scans() -> None:
    most = settings().max_attempts
    with transaction() as db:
        freed = lost.free_expired_shards(db)
        if freed:
            logger.info("%d shards freed: their workers fell silent", freed)
        for shard in lost.exhausted_shards(db, most):
            _fail_scan(db, shard.scan_id, _exhausted(shard))
        for scan in lost.exhausted_scans(db, most):
            doing = "planned" if scan.status == ScanStatus.queued else "finalised"
            _fail_scan(
                db,
                scan.id,
                {
                    "title": "Workers died",
                    "status": 500,
                    "detail": f"The scan could not be {doing}: {scan.attempts} workers died "
                    "or fell silent over it.",
                    "remedy": "Look for a worker that ran out of memory; then retry the scan.",
                },
            )
        for scan_id in lost.running_scans(db):
            # A worker may die between its shard's commit and this step.
            if scans.begin_finalising(db, scan_id):
                nudges.nudge(db, "scans.finalise", scan_id)
    with transaction() as db:
        waiting = _waiting()
        for scan_id, pending in lost.starved_scans(db, most, SILENT_S, queue_is_empty=waiting == 0):
            nudges.nudge(db, "scans.score_shard", scan_id, times=min(pending, nudges.FANOUT))


def _fail_scan(db: Session, scan_id: UUID, failure: dict[str, Any]) -> None:
    if scans.fail_scan(db, scan_id, failure):
        announce_end(db, scan_id)


def _waiting() -> int | None:
    """Messages in the scoring queue; None if the broker is away."""
    try:
        return nudges.waiting_in(nudges.SCORING_QUEUE)
    except ConnectionError:
        return None


def _exhausted(shard: Shard) -> dict[str, object]:
    reason = shard.last_error or "its workers died or fell silent"
    return {
        "title": "Shard failed",
        "status": 500,
        "detail": f"Shard {shard.number} failed {shard.attempts} times: {reason}",
        "remedy": "Mend the cause (a worker that runs out of memory needs a smaller "
        "CLEANTRACE_BATCH_SIZE), then retry: finished shards stay finished.",
    }


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logger.info("sweeping every %.3g s", settings().sweep_interval_s)
    orphans = OrphanSweep()
    while not stop.wait(settings().sweep_interval_s):
        try:
            sweep()
            orphans.step()
        except SQLAlchemyError as error:
            logger.warning("the database is away: %s", error)
        except OSError as error:
            logger.warning("the artifact store is away: %s", error)


if __name__ == "__main__":
    main()
