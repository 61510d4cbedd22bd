"""One POST to an address that somebody else chose: checked, bounded, followed nowhere.

The name is resolved here, every IP address that it stands for is checked, and the connection goes
to one of those: a name that means something else a moment later changes nothing. TLS still proves
the name. All of it together, the answer's beginning included, has one time limit.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore2

from app.webhooks.addresses import require_reachable
from app.webhooks.delivery_queries import Outcome
from app.webhooks.errors import WebhookAddressInvalid

TIMEOUT_S = 10.0
_ANSWER_CHARACTERS = 500
_ANSWER_BYTES = 4 * _ANSWER_CHARACTERS  # as many as so many characters can have

_FAILURES = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)


def post(
    url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float = TIMEOUT_S
) -> Outcome:
    """Send a body and read the beginning of the answer. Raises nothing that the network does."""
    began = time.monotonic()
    status, answer, problem = None, None, None
    network = _Checked(deadline=began + timeout_s)
    try:
        with (
            httpcore2.ConnectionPool(network_backend=network, max_connections=1) as pool,
            pool.stream(
                "POST",
                url,
                headers=list(headers.items()),
                content=body,
                extensions={
                    "timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
                },
            ) as response,
        ):
            status = response.status
            answer = _beginning(response)
    except WebhookAddressInvalid as error:
        problem = f"Not sent: {error.detail}"
    except httpcore2.TimeoutException:
        problem = f"No whole answer within {timeout_s:g} s."
    except _FAILURES as error:
        problem = _in_words(error)
    return Outcome(round(1000 * (time.monotonic() - began)), status, answer, problem)


def _beginning(response: httpcore2.Response) -> str:
    """The first 500 characters; what cannot be read of them does not undo the answer."""
    read = b""
    try:
        for chunk in response.iter_stream():
            read += chunk[:_ANSWER_BYTES]
            if len(read) >= _ANSWER_BYTES:
                break
    except _FAILURES:
        pass
    text = read[:_ANSWER_BYTES].decode("utf-8", "replace")
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:_ANSWER_CHARACTERS]


def _in_words(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None or (cause.args and isinstance(cause.args[0], Exception)):
        cause = cause.__cause__ or cause.args[0]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"TLS: {cause.verify_message}."
    if isinstance(cause, OSError) and cause.strerror:
        return f"No connection: {cause.strerror}."
    return f"{type(error).__name__}: {cause}"[:_ANSWER_CHARACTERS]


class _Checked(httpcore2.NetworkBackend):
    """Connects to addresses that it has checked, and to no other; keeps to one deadline."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._real = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = _resolved(host.strip("[]"), port)
        require_reachable(addresses)
        last: Exception = httpcore2.ConnectError("no address")
        for address in addresses:
            try:
                stream = self._real.connect_tcp(
                    address, port, _left(self._deadline, timeout), local_address, socket_options
                )
                return _Bounded(stream, self._deadline)
            except httpcore2.ConnectError as error:
                last = error
        raise last


def _resolved(host: str, port: int) -> list[str]:
    """The IP addresses that a name stands for now, each once, in the system's order."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(error) from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class _Bounded(httpcore2.NetworkStream):
    """A stream whose every step has what is left until a deadline.

    A time limit for each step alone lets a receiver that sends a byte a second hold a worker for
    ever.
    """

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(
            ssl_context, server_hostname, _left(self._deadline, timeout)
        )
        return _Bounded(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    """Seconds that a step may take. Raises ReadTimeout: none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("out of time")
    return left if timeout is None else min(left, timeout)
