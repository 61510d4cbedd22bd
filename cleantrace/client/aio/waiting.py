"""Following jobs to their end: by polling, or for scans by server-sent events."""

import json
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from cleantrace.client.aio.pace import Look, sleep
from cleantrace.client.aio.transport import SILENCE_LIMIT_S, AsyncTransport, pause_before_next_try
from cleantrace.client.deadline import Deadline
from cleantrace.client.errors import ConnectionFailed, ServiceError, TooManyRequests
from cleantrace.client.models import Scan

T = TypeVar("T")

_FIRST_POLL_S = 0.1
_LONGEST_POLL_S = 2.0
# Streams that end without one event: a proxy in between holds them back. Then we ask instead.
_BARREN_STREAMS = 3


async def poll(look: Look[T], is_over: Callable[[T], bool], deadline: Deadline) -> AsyncIterator[T]:
    """Look again and again, less often with time, until it is over; yields every look."""
    pause_s = _FIRST_POLL_S
    while True:
        seen = await look()
        yield seen
        if is_over(seen):
            return
        await sleep(min(pause_s, deadline.left_s()))
        pause_s = min(pause_s * 1.3, _LONGEST_POLL_S)


async def follow_scan(
    transport: AsyncTransport, scan_id: str, deadline: Deadline
) -> AsyncIterator[Scan]:
    """The scan at each change, until it is over.

    Listens to server-sent events, and again after each break. Where none come through, it polls;
    as it does at the end of the time, since signs of life may keep a stream open for ever.
    """
    barren = 0
    while barren < _BARREN_STREAMS and deadline.left_s() > SILENCE_LIMIT_S:
        heard = False
        try:
            async with transport.lines(f"/scans/{scan_id}/events") as lines:
                in_time = _while_time_is_left(lines, deadline)
                async for event, data in server_sent_events(in_time):
                    if event not in {"progress", "end"}:
                        continue
                    heard = True
                    scan = Scan.from_json(json.loads(data))
                    yield scan
                    if scan.is_over:
                        return
        except (ConnectionFailed, ServiceError, TooManyRequests):
            pass
        barren = 0 if heard else barren + 1
        await pause_before_next_try(barren + 1)

    async def look() -> Scan:
        return Scan.from_json(await transport.get(f"/scans/{scan_id}"))

    async for seen in poll(look, lambda scan: scan.is_over, deadline):
        yield seen


async def _while_time_is_left(lines: AsyncIterator[str], deadline: Deadline) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if deadline.left_s() <= SILENCE_LIMIT_S:
            return


async def server_sent_events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """(event, data) of each event; comments, ids and an unfinished last event are left out."""
    event, data = "message", list[str]()
    async for line in lines:
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
