"""How large a request's body may be. Checked while it comes in, before anything reads it.

The framework reads a body before it asks who sends it. So whoever shows neither key nor cookie may
send little.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, problem_response

STRANGER = 64 * 1024
FORM = 1024 * 1024
API = 64 * 1024 * 1024
"""Bytes. Room for 64 pictures as evidence is asked for."""
_TAKES_FILES = re.compile(r"/projects/[^/]+/queues/[^/]+/imports")


class BodyLimit:
    """ASGI middleware: answers 413 to a body that is too large, however it is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = _limit(scope["path"], headers)
        told = headers.get("Content-Length", "")
        if told.isdecimal() and int(told) > limit:
            await _refuse(scope, receive, send, limit)
            return
        await self._watch(scope, receive, send, limit)

    async def _watch(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Count what comes, for a body whose length nobody told, or told wrongly."""
        taken, refused, begun = 0, False, False

        async def counted() -> Message:
            nonlocal taken, refused
            message = await receive()
            taken += len(message.get("body", b""))
            if taken <= limit:
                return message
            if not refused and not begun:
                refused = True
                await _refuse(scope, receive, send, limit)
            return {"type": "http.disconnect"}

        async def unless_refused(message: Message) -> None:
            nonlocal begun
            begun = True
            if not refused:
                await send(message)

        await self._app(scope, counted, unless_refused)


def _limit(path: str, headers: Headers) -> int:
    if "Authorization" not in headers and "Cookie" not in headers:
        return STRANGER
    takes_much = path.startswith("/api/") or _TAKES_FILES.fullmatch(path)
    return API if takes_much else FORM


async def _refuse(scope: Scope, receive: Receive, send: Send, limit: int) -> None:
    problem = BodyTooLarge(
        f"A body of this request has at most {limit:,} bytes.",
        remedy="Send less at a time. Without a key the limit is lower.",
    )
    answer = problem_response(
        problem.as_problem() | {"instance": scope["path"]}, {"Connection": "close"}
    )
    await answer(scope, receive, send)
