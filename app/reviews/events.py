"""A queue's progress as server-sent events, for pages that show it without a reload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from sse_starlette import EventSourceResponse, ServerSentEvent

from app.access.service import Caller
from app.db import reading
from app.reviews.figure_schemas import ProgressOut
from app.reviews.figures import queue_progress

_POLL_S = 1.0


def _look(caller: Caller, queue_id: UUID) -> ProgressOut:
    # The request's own session is closed when a stream begins: each look opens one.
    with reading() as db:
        return queue_progress(db, caller, queue_id)


async def _events(caller: Caller, queue_id: UUID) -> AsyncIterator[ServerSentEvent]:
    seen = None
    while True:
        progress = await asyncio.to_thread(_look, caller, queue_id)
        # The pace falls by itself, at every look.
        state = progress.model_dump(exclude={"per_hour"})
        if state != seen:
            seen = state
            yield ServerSentEvent(event="progress", data=progress.model_dump_json())
        await asyncio.sleep(_POLL_S)


def stream(caller: Caller, queue_id: UUID) -> EventSourceResponse:
    return EventSourceResponse(_events(caller, queue_id), ping=15)
