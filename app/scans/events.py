"""Progress as server-sent events: counted from shard rows, so it is true whoever computes.

Each watcher polls its scan in a thread and hears of changes only. The stream ends when the
scan does; a browser's EventSource reconnects by itself after a break.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from sse_starlette import EventSourceResponse, ServerSentEvent

from app.access.service import Caller
from app.db import reading
from app.scans import service
from app.scans.models import UNFINISHED
from app.scans.schemas import ScanOut

_POLL_S = 0.5


def _look(caller: Caller, scan_id: UUID) -> ScanOut:
    # The request's own session is closed when a stream begins: each look opens one.
    with reading() as db:
        return service.describe_scan(db, service.get_scan(db, caller, scan_id))


async def _events(caller: Caller, scan_id: UUID) -> AsyncIterator[ServerSentEvent]:
    seen: tuple[object, ...] | None = None
    while True:
        scan = await asyncio.to_thread(_look, caller, scan_id)
        done = scan.progress
        state = (scan.status, done.examples_done, done.shards_done, done.shard_count)
        over = scan.status not in UNFINISHED
        if state != seen or over:
            seen = state
            yield ServerSentEvent(
                event="end" if over else "progress",
                data=scan.model_dump_json(exclude={"summary"}),
            )
        if over:
            return
        await asyncio.sleep(_POLL_S)


def stream(caller: Caller, scan_id: UUID) -> EventSourceResponse:
    return EventSourceResponse(_events(caller, scan_id), ping=15)
