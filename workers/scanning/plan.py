"""Planning a scan: check everything once, then cut it into shards."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from app.db import new_id, now, transaction
from app.nudges import FANOUT, nudge
from app.scans import job_queries as queries
from app.scans.models import Scan, ScanStatus
from app.settings import settings
from workers.failures import failure_of, is_final
from workers.leases import Heartbeat, LeaseLost, outlasting_database
from workers.models.jobs import require_usable
from workers.scanning.session import open_session, parts_of_scan

logger = logging.getLogger(__name__)


def run_planning(scan_id: UUID) -> None:
    """Plan a queued scan. Safe to call at any time and any number of times."""
    token, ttl_s = new_id(), settings().lease_ttl_s
    with transaction() as db:
        scan = queries.lease_scan(db, scan_id, ScanStatus.queued, token, ttl_s)
    if scan is None:
        return
    with scan_heartbeat(scan_id, token) as heartbeat:
        try:
            run, _, checkpoints = parts_of_scan(scan)
            require_usable(run, checkpoints)
            session = open_session(scan)
            session.check()
            heartbeat.check()
            outlasting_database(lambda: _start(scan, token, {"coverage": session.coverage}))
        except LeaseLost:
            logger.info("scan %s: planning stopped, the lease is gone", scan_id)
        except Exception as error:  # stored as the scan's reason
            logger.exception("scan %s: planning failed", scan_id)
            give_up_or_retry(scan, ScanStatus.queued, token, error, "Planning")


def scan_heartbeat(scan_id: UUID, token: UUID) -> Heartbeat:
    """Keeps the lease of a scan's own job, planning or finalising."""
    ttl_s = settings().lease_ttl_s

    def renew() -> bool:
        with transaction() as db:
            return queries.renew_scan(db, scan_id, token, ttl_s)

    return Heartbeat(renew, ttl_s)


def _start(scan: Scan, token: UUID, summary: dict[str, Any]) -> None:
    size = settings().shard_size
    ranges = [
        (start, min(start + size, scan.example_count))
        for start in range(0, scan.example_count, size)
    ]
    with transaction() as db:
        values = {
            "status": ScanStatus.running,
            "started_at": now(),
            "nudged_at": now(),
            "summary": summary,
        }
        if not queries.finish_phase(db, scan.id, ScanStatus.queued, token, values):
            return
        queries.add_shards(db, scan.id, ranges)
        open_shards = queries.pending_shards(db, scan.id)
        nudge(db, "scans.score_shard", scan.id, times=min(open_shards, FANOUT))
        # A retried scan may have lost nothing but its end.
        if open_shards == 0 and queries.begin_finalising(db, scan.id):
            nudge(db, "scans.finalise", scan.id)
    logger.info("scan %s: %d shards planned", scan.id, len(ranges))


def give_up_or_retry(
    scan: Scan, phase: ScanStatus, token: UUID, error: Exception, doing: str
) -> None:
    """Fail the scan with its reason; or, if another try may help, leave it to the sweep."""

    def decide() -> None:
        with transaction() as db:
            if is_final(error, scan.attempts, settings().max_attempts):
                values = {
                    "status": ScanStatus.failed,
                    "failure": failure_of(error, doing),
                    "finished_at": now(),
                }
                queries.finish_phase(db, scan.id, phase, token, values)
            else:
                queries.release_scan(db, scan.id, token)

    outlasting_database(decide)
