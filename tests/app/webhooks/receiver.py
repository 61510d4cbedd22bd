"""A real HTTP receiver in a thread, which checks signatures as the specification tells it to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """By the Standard Webhooks specification, written without a look at our own code."""
        prefix, encoded = secret[:6], secret[6:]
        assert prefix == "whsec_"
        key = base64.b64decode(encoded, validate=True)
        assert 24 <= len(key) <= 64
        signed = b".".join(
            [self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body]
        )
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        found = [each.split(",", 1) for each in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and value == expected for version, value in found)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"thank you"
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None
    """Called before it answers."""


class Receiver:
    """Listens on a port of this machine; answers 200 unless told otherwise.

    Args:
        port: the one to listen on; 0 for any.
        tls: to speak TLS with.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.answers: deque[Answer] = deque()
        """For the next requests, in order."""
        self._arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver._arrived:
                    answer = receiver.answers.popleft() if receiver.answers else Answer()
                    receiver.received.append(Received(self.path, headers, body))
                    receiver._arrived.notify_all()
                answer.before()
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    pass  # whoever asked has hung up

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def wait_for(self, count: int, limit_s: float = 60) -> list[Received]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.received) >= count, limit_s), (
                f"{len(self.received)} of {count} came"
            )
            return list(self.received)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
