"""Orphans: artifacts of workers that died or lost their lease, which no row will ever name.

An artifact carries in its name the token of the lease under which it was written, and counts once
the token's holder puts the name into a row. So what no row names, and whose token no row holds, can
never come to count. It must be old besides: a database put back from a backup may know less than
the store, and leaves time to notice.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.artifacts import ArtifactStore
from app.datasets import queries as datasets
from app.db import now, reading
from app.exports import queries as exports
from app.scans import estimate_queries as estimates
from app.scans import sweep_queries as scans
from app.settings import settings

logger = logging.getLogger(__name__)

SAFE_AGE_S = 6 * 3600.0
_PAUSE_S = 3600.0
# So that listing a slow store does not hold up the rest of the sweep.
_PLACES_A_STEP = 5
_PAGE = 200

_TOKEN = re.compile(r"(?:^|[-/])([0-9a-f]{32})(?:\.[a-z]+)+$")


class _Place(NamedTuple):
    """A folder, and what asks the rows for the names and tokens that count there."""

    folder: str
    kept: Callable[[Session], Sequence[tuple[str | None, UUID | None]]]


class OrphanSweep:
    """Goes round the artifact store, a few places a step, and rests after each round.

    A scan that has long been over is looked at once, and again only after a restart.

    Args:
        safe_age_s: what is younger stays. So does what the store tells no age of.
        pause_s: rest between two rounds.
    """

    def __init__(self, *, safe_age_s: float = SAFE_AGE_S, pause_s: float = _PAUSE_S) -> None:
        self._safe_age_s, self._pause_s = safe_age_s, pause_s
        self._store = ArtifactStore(settings().artifacts)
        self._left: Iterator[_Place] = self._places()
        self._rests_until = 0.0
        self._over_before: datetime | None = None

    def step(self) -> None:
        """Raises OSError: the store is away. SQLAlchemyError: the database is."""
        if time.monotonic() < self._rests_until:
            return
        done = 0
        try:
            for place in islice(self._left, _PLACES_A_STEP):
                self._tidy(place)
                done += 1
        finally:
            if done < _PLACES_A_STEP:  # a whole round, or one cut short by an error
                self._left = self._places()
                self._rests_until = time.monotonic() + self._pause_s

    def _places(self) -> Iterator[_Place]:
        began, last = now(), None
        yield _Place("estimates", estimates.leases)
        with reading() as db:
            known = datasets.dataset_ids(db)
        for dataset_id in known:
            kept = partial(datasets.store_and_lease, dataset_id=dataset_id)
            yield _Place(f"datasets/{dataset_id}", kept)
        with reading() as db:
            made = exports.export_ids(db)
        for export_id in made:
            named = partial(exports.artifacts_and_lease, export_id=export_id)
            yield _Place(f"exports/{export_id}", named)
        while True:
            with reading() as db:
                page = scans.scans_since(db, self._over_before, last, _PAGE)
            for scan_id in page:
                kept = partial(scans.artifacts_and_leases, scan_id=scan_id)
                yield _Place(f"scans/{scan_id}", kept)
            if len(page) < _PAGE:
                break
            last = page[-1]
        self._over_before = began - timedelta(seconds=self._safe_age_s)

    def _tidy(self, place: _Place) -> None:
        # The files first: whatever is written later has a token that the rows still hold.
        files = self._store.files(place.folder)
        if not files:
            return
        with reading() as db:
            rows = place.kept(db)
        names = {name for name, _ in rows}
        tokens = {token.hex for _, token in rows if token is not None}
        for file in files:
            token = _TOKEN.search(file.name)
            if token is None or token[1] in tokens or file.name in names:
                continue
            age_s = self._store.age_s(file)
            if age_s is None or age_s < self._safe_age_s:
                continue
            self._store.remove(file)
            logger.info(
                "removed %s: no row names it, and the lease that wrote it is gone", file.path
            )
