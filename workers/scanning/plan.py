"""Planning a scan: check everything once, then cut it into shards."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset
from app.db import new_id, now, reading, transaction
from app.nudges import FANOUT, nudge
from app.runs.models import Checkpoint, TrainingRun
from app.scans import job_queries as queries
from app.scans.endings import announce_end
from app.scans.models import Scan, ScanStatus
from app.settings import settings
from workers.failures import failure_of, is_final
from workers.influence import InfluenceError
from workers.leases import Heartbeat, LeaseLost, outlasting_database
from workers.models.jobs import require_usable
from workers.scanning.canaries import plant
from workers.scanning.layer_choice import settle_layers
from workers.scanning.parts import parts_of_scan, store_of
from workers.scanning.reuse import cut_into_shards, engine_key, find_reuse
from workers.scanning.session import ModelCannotBeScored, open_session

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
            run, dataset, checkpoints = parts_of_scan(scan)
            require_usable(run, checkpoints)
            values = _plan(scan, run, dataset, checkpoints, token)
            heartbeat.check()
            outlasting_database(lambda: _start(scan, token, values))
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


def _plan(
    scan: Scan, run: TrainingRun, dataset: Dataset, checkpoints: list[Checkpoint], token: UUID
) -> Planned:
    """Look for what earlier scans hold, then check the engine on what is left."""
    size = settings().shard_size
    store = store_of(dataset)
    choice = _chosen_layers(scan, run, store, checkpoints)
    if choice is not None:
        scan.summary = {"layer_choice": choice}
    with transaction() as db:
        again = queries.has_shards(db, scan.id)
        if not again:
            scan.engine_key = engine_key(scan, run, store.meta)
            queries.settle_scan(db, scan, token)
    ranges: list[tuple[int, int]] = []
    if not again:  # the shards of a retried scan stay as they were cut
        canaries = plant(store, scan.canaries)
        scan.planted = canaries.save(scan.id, token) if len(canaries) else None
        reuse = None if scan.fresh else find_reuse(scan, dataset, store, checkpoints, canaries)
        scan.reuse = None if reuse is None else reuse.save(scan.id, token)
        missing = None if reuse is None else reuse.missing
        ranges = _ranges(len(store), len(canaries), missing, size)
    session = open_session(scan)
    session.check()
    coverage = session.coverage or _earlier_coverage(scan)
    return Planned(ranges, scan.planted, scan.reuse, coverage)


def _ranges(
    examples: int, canaries: int, missing: np.ndarray | None, size: int
) -> list[tuple[int, int]]:
    """Shards of the examples, then of the canaries: none has both."""
    ranges = cut_into_shards(examples, None if missing is None else missing[:examples], size)
    planted = cut_into_shards(canaries, None if missing is None else missing[examples:], size)
    return ranges + [(examples + start, examples + stop) for start, stop in planted]


def _chosen_layers(
    scan: Scan, run: TrainingRun, store: ExampleStore, checkpoints: list[Checkpoint]
) -> dict[str, Any] | None:
    try:
        return settle_layers(scan, run, store, checkpoints)
    except InfluenceError as error:
        raise ModelCannotBeScored(
            str(error), field="layers", remedy="Name layers, or say `all`."
        ) from error


def _earlier_coverage(scan: Scan) -> dict[str, Any] | None:
    """Nothing is to be computed: how the scan that computed it accounted for the parameters."""
    source = (scan.reuse or {}).get("sources", [])[:1]
    with reading() as db:
        earlier = queries.scan_by_id(db, UUID(source[0]["scan_id"])) if source else None
    return None if earlier is None else (earlier.summary or {}).get("coverage")


class Planned(NamedTuple):
    """Ranges of new shards, the canaries, what comes from earlier scans, and the coverage."""

    ranges: list[tuple[int, int]]
    planted: str | None
    reuse: dict[str, Any] | None
    coverage: dict[str, Any] | None


def _start(scan: Scan, token: UUID, planned: Planned) -> None:
    with transaction() as db:
        values = {
            "status": ScanStatus.running,
            "started_at": now(),
            "nudged_at": now(),
            "summary": (scan.summary or {}) | {"coverage": planned.coverage},
            "planted": planned.planted,
            "reuse": planned.reuse,
        }
        if not queries.finish_phase(db, scan.id, ScanStatus.queued, token, values):
            return
        queries.add_shards(db, scan.id, planned.ranges)
        open_shards = queries.pending_shards(db, scan.id)
        nudge(db, "scans.score_shard", scan.id, times=min(open_shards, FANOUT))
        # A retried scan may have lost nothing but its end.
        if open_shards == 0 and queries.begin_finalising(db, scan.id):
            nudge(db, "scans.finalise", scan.id)
    logger.info("scan %s: %d shards to score", scan.id, open_shards)


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
                if queries.finish_phase(db, scan.id, phase, token, values):
                    announce_end(db, scan.id)
            else:
                queries.release_scan(db, scan.id, token)

    outlasting_database(decide)
