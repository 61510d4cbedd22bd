"""Scoring a shard: lease, score, write an artifact, commit by token."""

from __future__ import annotations

import logging
import os
import socket
from functools import partial
from uuid import UUID

from app.artifacts import ArtifactStore
from app.db import new_id, transaction
from app.nudges import nudge
from app.scans import job_queries as queries
from app.scans.endings import announce_end
from app.scans.job_queries import ShardResult
from app.scans.models import Scan, Shard
from app.settings import settings
from workers.failures import failure_of, is_final
from workers.leases import Heartbeat, LeaseLost, outlasting_database
from workers.scanning.columns import write_columns
from workers.scanning.session import open_session

logger = logging.getLogger(__name__)

WORKER = f"{socket.gethostname()}:{os.getpid()}"


def run_next_shard(scan_id: UUID) -> None:
    """Take the scan's next open shard and score it. Does nothing if there is none."""
    settings_, token = settings(), new_id()
    with transaction() as db:
        shard = queries.lease_next_shard(
            db, scan_id, token, WORKER, settings_.lease_ttl_s, settings_.max_attempts
        )
        scan = None if shard is None else queries.scan_by_id(db, scan_id)
    if shard is None or scan is None:
        return
    try:
        result = _score(scan, shard, token)
        outlasting_database(partial(_commit, scan_id, shard.number, token, result))
    except LeaseLost:
        logger.info("scan %s shard %d: stopped, the lease is gone", scan_id, shard.number)
    except Exception as error:  # stored as the shard's, at last the scan's reason
        logger.exception("scan %s shard %d failed", scan_id, shard.number)
        outlasting_database(partial(_give_back, scan, shard, token, error))


def _score(scan: Scan, shard: Shard, token: UUID) -> ShardResult:
    """Write the shard's columns to a new artifact."""
    ttl_s, done = settings().lease_ttl_s, 0

    def renew() -> bool:
        with transaction() as db:
            return queries.renew_shard(db, scan.id, shard.number, token, ttl_s, done)

    with Heartbeat(renew, ttl_s) as heartbeat:

        def on_progress(examples: int) -> None:
            nonlocal done
            done = examples
            heartbeat.check()

        session = open_session(scan)
        scored = session.score(shard.start, shard.stop, on_progress=on_progress)
        # The name carries the token: two workers on one shard never write to one file.
        name = f"scans/{scan.id}/shard-{shard.number:06}-{token.hex}.npz"
        write_columns(name, scored.columns)
        return ShardResult(name, session.device, scored.computed, scored.engine_seconds)


def _commit(scan_id: UUID, number: int, token: UUID, result: ShardResult) -> None:
    artifact = result.artifact
    with transaction() as db:
        committed = queries.commit_shard(db, scan_id, number, token, result)
        # A commit whose answer was lost with the connection is repeated, and finds itself done.
        if not committed and queries.shard_artifact(db, scan_id, number) != artifact:
            logger.info("scan %s shard %d: not committed, another has it", scan_id, number)
            ArtifactStore(settings().artifacts).delete(artifact)
            return
        if queries.pending_shards(db, scan_id) > 0:
            nudge(db, "scans.score_shard", scan_id)
        elif queries.begin_finalising(db, scan_id):
            nudge(db, "scans.finalise", scan_id)


def _give_back(scan: Scan, shard: Shard, token: UUID, error: Exception) -> None:
    failure = failure_of(error, "Scoring")
    with transaction() as db:
        if not queries.release_shard(db, shard.scan_id, shard.number, token, failure["detail"]):
            return
        if is_final(error, shard.attempts, settings().max_attempts):
            first, last, what = shard.start, shard.stop - 1, "examples"
            if first >= scan.example_count:
                first, last = first - scan.example_count, last - scan.example_count
                what = "canaries"
            failure["detail"] += f" ({what} {first} to {last})"
            if queries.fail_scan(db, shard.scan_id, failure):
                announce_end(db, shard.scan_id)
        else:
            nudge(db, "scans.score_shard", shard.scan_id)
