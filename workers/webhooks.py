"""Delivering webhooks: an endpoint is leased, and what is due goes out, one after the other.

At least once: a worker that dies between the receiver's answer and our commit leaves a delivery
that is sent again, under the same `webhook-id`.
"""

from __future__ import annotations

import json
import logging
import random
import time
from datetime import UTC, timedelta
from uuid import UUID

from app import nudges
from app.db import new_id, transaction
from app.settings import settings
from app.webhooks import delivery_queries as queries
from app.webhooks.delivery_queries import Begun, Outcome
from app.webhooks.signing import SecretUnreadable, signed_headers, unsealed
from cleantrace.version import __version__
from workers.leases import Heartbeat, LeaseLost, outlasting_database
from workers.webhook_post import post

logger = logging.getLogger(__name__)

# 5 s, 15 s, 45 s, … up to 2 h: about 16 attempts in a day.
_FIRST_DELAY_S, _GROWTH, _LONGEST_DELAY_S = 5.0, 3.0, 2 * 3600.0
_JITTER = 0.2
# An endpoint that fails is left alone for at most this, so that one delivery that it will not take
# holds up the later ones for minutes only.
_LONGEST_PAUSE_S = 300.0
_FAILING_TOO_LONG = timedelta(days=3)
# Then another endpoint has its turn, or another kind of job.
_TURN_S = 5.0


def run_delivering(endpoint_id: UUID) -> None:
    """Deliver what is due to an endpoint. Safe to call at any time, any number of times."""
    token, ttl_s = new_id(), settings().lease_ttl_s
    with transaction() as db:
        if not queries.lease_endpoint(db, endpoint_id, token, ttl_s):
            return

    def renew() -> bool:
        with transaction() as db:
            return queries.renew_endpoint(db, endpoint_id, token, ttl_s)

    def release() -> None:
        with transaction() as db:
            queries.release_endpoint(db, endpoint_id, token)

    turn_ends = time.monotonic() + _TURN_S
    more = True
    with Heartbeat(renew, ttl_s) as heartbeat:
        try:
            while more and time.monotonic() < turn_ends:
                heartbeat.check()
                more = _deliver_next(endpoint_id, token)
        except LeaseLost:
            logger.info("webhook %s: stopped, the lease is gone", endpoint_id)
            return
    outlasting_database(release)
    if more:
        nudges.send("webhooks.deliver", endpoint_id)


def _deliver_next(endpoint_id: UUID, token: UUID) -> bool:
    """Make one attempt; says whether there was any to make."""
    with transaction() as db:
        due = queries.next_due(db, endpoint_id, token)
        if due is None:
            return False
        begun = queries.begin_attempt(db, *due, _delay(due[1].attempts + 1, _chance()))
    outcome = _attempt(begun)
    outlasting_database(lambda: _note(endpoint_id, token, begun, outcome))
    return True


def _attempt(begun: Begun) -> Outcome:
    try:
        secrets = [unsealed(secret) for secret in begun.secrets]
    except SecretUnreadable:
        return Outcome(
            0,
            problem="Not sent: the secret cannot be read with this service's "
            "CLEANTRACE_WEBHOOK_KEYS. Rotate it.",
        )
    body = _body(begun)
    message_id = str(begun.message_id)
    headers = {
        "content-type": "application/json",
        "user-agent": f"Cleantrace/{__version__}",
        **signed_headers(message_id, int(time.time()), body, secrets),
    }
    return post(begun.url, headers, body)


def _body(begun: Begun) -> bytes:
    """The same bytes at every attempt."""
    message = {
        "id": str(begun.message_id),
        "event": begun.event,
        "created_at": begun.created_at.astimezone(UTC).isoformat(),
        "project": begun.project,
        "data": begun.data,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _note(endpoint_id: UUID, token: UUID, begun: Begun, outcome: Outcome) -> None:
    with transaction() as db:
        queries.log_attempt(db, begun.attempt_id, outcome)
        if outcome.is_success:
            queries.note_success(db, endpoint_id, begun.delivery_id, token)
            return
        # The same chance for both: a delivery that failed first goes before those that wait for it.
        chance = _chance()
        queries.note_failure(db, begun.delivery_id, begun.number, _delay(begun.number, chance))
        failures = queries.failures_in_a_row(db, endpoint_id, token)
        if failures is None:
            return
        pause = min(_delay(failures + 1, chance), timedelta(seconds=_LONGEST_PAUSE_S))
        queries.hold_back(db, endpoint_id, token, pause)
        if queries.pause_failing(
            db, endpoint_id, token, gone=outcome.is_gone, patience=_FAILING_TOO_LONG
        ):
            logger.warning("webhook %s is paused: it is gone or failed for days", endpoint_id)


def _delay(number: int, chance: float) -> timedelta:
    """Between an attempt with this number and the next."""
    delay_s = min(_FIRST_DELAY_S * _GROWTH ** min(number - 1, 20), _LONGEST_DELAY_S)
    return timedelta(seconds=delay_s * chance)


def _chance() -> float:
    """Spreads attempts: a receiver that comes back is not met by everybody at once."""
    return random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - nothing to guess
