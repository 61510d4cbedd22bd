"""Doing a small job: lease, work, store the answer or the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from app.db import new_id, transaction
from app.jobs import queries
from app.jobs.models import Job
from app.settings import settings
from workers.failures import failure_of, is_final
from workers.leases import Heartbeat, LeaseLost, outlasting_database

logger = logging.getLogger(__name__)

Kind = TypeVar("Kind", bound=Job)


def run_small_job(
    kind: type[Kind],
    job_id: UUID,
    doing: str,
    work: Callable[[Kind, UUID, Heartbeat], dict[str, Any]],
    *,
    also: Callable[[Session, Kind, dict[str, Any]], None] | None = None,
) -> None:
    """Do a job if it is open and free. Safe to call at any time and any number of times.

    Args:
        doing: for people, should it fail: "Estimating".
        work: from the job, the lease's token and its heartbeat to the result, as JSON.
        also: what the result changes elsewhere, in the transaction that stores it.
    """
    token, ttl_s = new_id(), settings().lease_ttl_s
    with transaction() as db:
        job = queries.lease_job(db, kind, job_id, token, ttl_s)
    if job is None:
        return

    def renew() -> bool:
        with transaction() as db:
            return queries.renew_job(db, kind, job_id, token, ttl_s)

    def finish(**how: dict[str, Any]) -> None:
        with transaction() as db:
            held = queries.finish_job(db, kind, job_id, token, **how)
            if held and also is not None and "result" in how:
                also(db, job, how["result"])

    def give_up_or_retry(error: Exception) -> None:
        if is_final(error, job.attempts, settings().max_attempts):
            finish(failure=failure_of(error, doing))
        else:
            with transaction() as db:
                queries.release_job(db, kind, job_id, token)

    with Heartbeat(renew, ttl_s) as heartbeat:
        try:
            result = work(job, token, heartbeat)
            outlasting_database(lambda: finish(result=result))
        except LeaseLost:
            logger.info("%s %s: stopped, the lease is gone", doing, job_id)
        except Exception as error:  # stored as the job's reason
            logger.exception("%s %s failed", doing, job_id)
            reason = error
            outlasting_database(lambda: give_up_or_retry(reason))
