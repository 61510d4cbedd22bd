"""A gateway between client and API that does wrong what gateways do wrong."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx

Fault = Callable[["_Handler"], bool]
"""Answers a request in its own way; False passes it on to the API as well."""


class Front:
    """Faults are used up one for each request, the first first; without one it passes on.

    Attributes:
        once: what becomes of each request the first time that it is sent, where it is set.
        seen: (method, path, Idempotency-Key) of every request.
        outlasted: nobody closed a stream of signs of life.
    """

    def __init__(self, api_url: str) -> None:
        self.faults: list[Fault] = []
        self.once: Fault | None = None
        self.outlasted = False
        self.seen: list[tuple[str, str, str | None]] = []
        self.api = httpx.Client(base_url=api_url, trust_env=False, timeout=30)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.front = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.api.close()

    def fault_of(self, request: tuple[str, str, str | None]) -> Fault | None:
        """The next, or the one of a request that was not seen yet."""
        is_new = request not in self.seen
        self.seen.append(request)
        if self.faults:
            return self.faults.pop(0)
        return self.once if is_new else None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        front: Front = self.server.front  # type: ignore[attr-defined]
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = front.fault_of((self.command, self.path, self.headers.get("Idempotency-Key")))
        if fault is not None and fault(self):
            return
        answer = self.ask_api()
        self.answer(answer.status_code, answer.content, answer.headers["Content-Type"])

    do_POST = do_PUT = do_GET  # noqa: N815  the names that http.server looks for

    def ask_api(self) -> httpx.Response:
        kept = {"authorization", "idempotency-key", "content-type", "accept"}
        headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
        front: Front = self.server.front  # type: ignore[attr-defined]
        return front.api.request(self.command, self.path, content=self.body, headers=headers)

    def answer(self, status: int, content: bytes, kind: str = "text/html", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def unavailable(status: int) -> Fault:
    def fault(handler: _Handler) -> bool:
        handler.answer(status, b"<h1>upstream is away</h1>", Retry_After="0")
        return True

    return fault


def hang_up(handler: _Handler) -> bool:
    """Close the connection without an answer; the API never hears of the request."""
    handler.close_connection = True
    handler.connection.close()
    return True


def lose_answer(handler: _Handler) -> bool:
    """Let the API do the work, then close the connection without an answer."""
    handler.ask_api()
    return hang_up(handler)


def cut_answer(handler: _Handler) -> bool:
    """Let the API do the work, then close the connection in the middle of its answer."""
    answer = handler.ask_api()
    handler.send_response(answer.status_code)
    handler.send_header("Content-Type", answer.headers["Content-Type"])
    handler.send_header("Content-Length", str(len(answer.content)))
    handler.end_headers()
    handler.wfile.write(answer.content[: len(answer.content) // 2])
    return hang_up(handler)


def come_late(handler: _Handler) -> bool:
    """Hold a request back until the client has given up, and let the API have it all the same."""
    handler.connection.recv(1)  # nothing, once the client has closed
    handler.ask_api()
    return hang_up(handler)


def garbled(handler: _Handler) -> bool:
    """An answer that says that it is packed, and is not."""
    handler.answer(200, b"{}", "application/json", Content_Encoding="gzip")
    return True


def signs_of_life(handler: _Handler) -> bool:
    """A stream that stays open as long as anybody listens, and tells nothing."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    front: Front = handler.server.front  # type: ignore[attr-defined]
    try:
        for _ in range(200):
            handler.wfile.write(b": ping\r\n\r\n")
            time.sleep(0.05)
        front.outlasted = True
    except OSError:
        handler.close_connection = True
    return True


def empty_stream(handler: _Handler) -> bool:
    """A stream of events that ends before the first: a gateway that does not let them through."""
    handler.answer(200, b"", "text/event-stream")
    return True


def cut_stream(handler: _Handler) -> bool:
    """The first event of a stream in full, half of a second one, then nothing."""
    front: Front = handler.server.front  # type: ignore[attr-defined]
    headers = {"Authorization": handler.headers["Authorization"]}
    with front.api.stream("GET", handler.path, headers=headers) as answer:
        first = b""
        for chunk in answer.iter_raw():
            first += chunk
            if b"\r\n\r\n" in first:
                break
    handler.answer(200, first + b"event: progress\r\ndata: {", "text/event-stream")
    return True


def pass_on(_handler: _Handler) -> bool:
    return False
