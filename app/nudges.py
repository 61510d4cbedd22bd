"""Nudges: Celery messages that tell a worker to look into the database.

A nudge carries ids and no truth. It is sent after the commit that made it useful; one that
is lost is sent again by the sweep, so a broker that is down costs time and nothing else.
"""

from __future__ import annotations

import logging
from functools import cache
from uuid import UUID

from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.settings import settings

logger = logging.getLogger(__name__)

SCORING_QUEUE = "scans"
CPU_QUEUE = "cpu"
QUEUE_OF_TASK = {
    "uploads.assemble": CPU_QUEUE,
    "datasets.index": CPU_QUEUE,
    "runs.check_checkpoint": CPU_QUEUE,
    "scans.plan": CPU_QUEUE,
    "scans.score_shard": SCORING_QUEUE,
    "scans.finalise": CPU_QUEUE,
    # On the device that it measures.
    "scans.estimate": SCORING_QUEUE,
    # Beside the scorers, which have the model at hand.
    "scans.evidence": SCORING_QUEUE,
    "exports.make": CPU_QUEUE,
    "webhooks.deliver": CPU_QUEUE,
}

# A worker takes the most urgent message first, whatever came before it: a person waits for the
# answer to a question, and a scan has many shards. As the Redis transport counts, 0 is first.
_URGENT, _USUAL = 0, 6
_SMALL_JOBS = {"uploads.assemble", "scans.estimate", "scans.evidence"}

# So many messages of a running scan are under way at once: workers that come later find some,
# and each shard's end sends one on, so that scans running side by side take turns.
FANOUT = 64

_PENDING = "nudges"


@cache
def sender() -> Celery:
    """A Celery client that only sends, and gives up at once when the broker is away."""
    app = Celery("cleantrace", broker=settings().redis_url)
    app.conf.update(
        task_ignore_result=True,
        broker_connection_retry_on_startup=False,
        broker_transport_options={"socket_connect_timeout": 1, "socket_timeout": 2},
    )
    return app


def nudge(session: Session, task: str, subject: UUID, *, times: int = 1) -> None:
    """Ask for `task(subject)` once this session's transaction is committed."""
    session.info.setdefault(_PENDING, []).extend([(task, subject)] * times)


def send_pending(session: Session) -> None:
    for task, subject in session.info.pop(_PENDING, []):
        if not send(task, subject):
            return


def send(task: str, subject: UUID) -> bool:
    """Send one nudge now; says whether the broker took it."""
    try:
        sender().send_task(
            task,
            args=[str(subject)],
            queue=QUEUE_OF_TASK[task],
            priority=_URGENT if task in _SMALL_JOBS else _USUAL,
            retry=False,
        )
    except (OSError, KombuError, RedisError) as error:
        logger.warning("nudge %s(%s) not sent, the sweep will: %s", task, subject, error)
        return False
    return True


def waiting_in(queue: str) -> int:
    """Messages that wait in a queue at the broker, of whatever urgency.

    Raises:
        ConnectionError: the broker does not answer.
    """
    with sender().connection_for_read() as connection:
        try:
            return int(connection.default_channel.queue_declare(queue).message_count)
        except (KombuError, RedisError) as error:
            raise ConnectionError(f"broker unavailable: {error}") from error
