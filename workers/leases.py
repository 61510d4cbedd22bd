"""Holding a lease while working: renewed by a thread, and known to be lost once it is.

The truth about a lease is its row: the heartbeat only keeps it young. Whoever holds it learns
of its loss between two batches; what decides is the token in the final, conditional UPDATE.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy.exc import OperationalError

from app.settings import settings

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_LONGEST_BEAT_S = 2.0  # also how often watchers see progress within a shard


class LeaseLost(Exception):
    """The job was cancelled, or the lease went to another worker: stop, write nothing."""


class Heartbeat:
    """Renews a lease until the block ends.

    Args:
        renew: one renewal; says whether the lease is still held. Called from a thread.
        ttl_s: seconds for which a renewal holds.
    """

    def __init__(self, renew: Callable[[], bool], ttl_s: float) -> None:
        self._renew = renew
        self._interval_s = min(ttl_s / 3, _LONGEST_BEAT_S)
        self._stop = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def check(self) -> None:
        """Raises LeaseLost: the lease is gone."""
        if self.lost.is_set():
            raise LeaseLost

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                held = self._renew()
            except OperationalError as error:
                # The database is away: nobody else can take the lease either.
                logger.warning("lease not renewed, the database is away: %s", error.orig)
                continue
            if not held:
                self.lost.set()
                return


def outlasting_database(work: Callable[[], Result], *, patience_s: float | None = None) -> Result:
    """Run a short transaction; while the database is away, try again.

    A finished shard is worth waiting for: a restart of Postgres should cost seconds, not the
    shard. The work must be safe to repeat (a conditional UPDATE on a token is).

    Raises:
        OperationalError: the database stayed away longer than the patience (by default three
            lease times, at least a minute).
    """
    limit_s = patience_s if patience_s is not None else max(60.0, 3 * settings().lease_ttl_s)
    deadline = time.monotonic() + limit_s
    pause_s = 0.1
    while True:
        try:
            return work()
        except OperationalError as error:
            if time.monotonic() + pause_s > deadline:
                raise
            logger.warning("waiting for the database: %s", error.orig)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 2.0)
