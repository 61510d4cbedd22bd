# Made from aio/transport.py by tools/sync_client.py: change that.
"""One HTTP request as the client makes it: with a key, tries, and typed errors."""

import random
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from cleantrace.client.answers import PASSING, content, is_loopback, refusal
from cleantrace.client.digest import sha256_of
from cleantrace.client.errors import ConnectionFailed, DownloadDamaged, NotConfigured
from cleantrace.client.pace import aside, sleep
from cleantrace.version import __version__

_LONGEST_PAUSE_S = 8.0
_LONGEST_ASKED_PAUSE_S = 60.0
# The service sends a sign of life every 15 s; three missed mean that the stream is dead.
SILENCE_LIMIT_S = 45.0
# What a header may hold. Others would be refused by what sends it, and shown in its message.
_SENDABLE = re.compile(r"[!-~]+")


class Transport:
    """Sends requests to one project of one service.

    Args:
        url: of the service, such as http://127.0.0.1:8000.
        api_key: sent as a bearer token.
        project: whose routes are asked for.
        tries: how often a request is sent at most. A repeat is always safe: what writes carries an
            Idempotency-Key, the same in all its tries.
        timeout_s: how long one answer may take.
    Raises:
        NotConfigured: the URL is none, or the key cannot be one.
    """

    def __init__(
        self, url: str, api_key: str, project: str, *, tries: int, timeout_s: float
    ) -> None:
        self.url = url.rstrip("/")
        host = _host_of(self.url)
        api_key = api_key.strip()  # a secret that was read from a file ends in a line's end
        if not _SENDABLE.fullmatch(api_key):
            raise NotConfigured(
                "The API key has characters that no key has. Copy it again: it begins with ct_."
            )
        # Part of a path: nothing in it may lead elsewhere.
        self._path = f"/api/v1/projects/{quote(project, safe='')}"
        self._tries = max(1, tries)
        self._http = httpx.Client(
            base_url=self.url,
            timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
            headers={
                "Authorization": f"Bearer {api_key}",
                "User-Agent": f"cleantrace-python/{__version__}",
            },
            # A proxy named in the environment cannot reach this machine's own services.
            trust_env=not is_loopback(host),
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON. Query parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", path, params=given)

    def get_public(self, path: str) -> Any:
        """The same of what belongs to no project."""
        return self._send("GET", path, below="/api/v1")

    def get_bytes(self, path: str, **query: Any) -> bytes:
        """The answer's body as it is, such as a picture."""
        given = {name: value for name, value in query.items() if value is not None}
        answer = self._answer("GET", path, params=given)
        if not answer.is_success:
            raise refusal(answer)
        return answer.content

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON, of work that was done exactly once."""
        return self._send("POST", path, json=body, headers=_new_key())

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """The same. What is put twice is as if it were put once, in the log too."""
        return self._send("PUT", path, json=body, headers=_new_key())

    def put_bytes(self, path: str, data: bytes) -> Any:
        """The answer's JSON, of a body as it is."""
        kind = {"Content-Type": "application/octet-stream"}
        return self._send("PUT", path, content=data, headers=kind)

    def _send(self, method: str, path: str, *, below: str | None = None, **options: Any) -> Any:
        """Raises ApiError; ConnectionFailed; AnswerNotUnderstood."""
        return content(self._answer(method, path, below=below, **options))

    def _answer(
        self, method: str, path: str, *, below: str | None = None, **options: Any
    ) -> httpx.Response:
        """Whatever the service says, refusals too. Raises ConnectionFailed."""
        url = f"{below or self._path}{path}"
        for attempt in range(1, self._tries + 1):
            try:
                answer = self._http.request(method, url, **options)
            except httpx.RequestError as error:
                if attempt == self._tries:
                    raise self._unreachable(error) from error
                pause_before_next_try(attempt)
                continue
            if answer.status_code in PASSING and attempt < self._tries:
                pause_before_next_try(attempt, answer.headers.get("Retry-After"))
                continue
            return answer
        raise AssertionError("a request has at least one try")

    @contextmanager
    def lines(self, path: str) -> Iterator[Iterator[str]]:
        """The lines of a stream of server-sent events, as they come. One try.

        Raises:
            ApiError: refused, as an unknown scan is.
            ConnectionFailed: not reached, broken off, or silent for too long.
        """
        timeout = httpx.Timeout(SILENCE_LIMIT_S, connect=5.0)
        headers = {"Accept": "text/event-stream"}
        url = f"{self._path}{path}"
        try:
            with self._http.stream("GET", url, headers=headers, timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusal(answer)
                yield answer.iter_lines()
        except httpx.RequestError as error:
            raise self._unreachable(error) from error

    def download(self, path: str, target: Path, *, size: int, sha256: str) -> None:
        """Get a file. One that breaks off goes on where it was, in the next call too.

        Until it is whole it is beside the target, with `.part` at the end of its name.

        Raises:
            ApiError; ConnectionFailed.
            DownloadDamaged: it came, but is not what the service says that it is.
        """
        if aside(target.exists) and aside(sha256_of, target) == sha256:
            return
        part = target.with_name(f"{target.name}.part")
        for attempt in range(1, self._tries + 1):
            try:
                answer = self._go_on(path, part, size, sha256)
            except httpx.RequestError as error:
                if attempt == self._tries:
                    raise self._unreachable(error) from error
                pause_before_next_try(attempt)
                continue
            if answer is None or answer.is_success:
                break
            if answer.status_code not in PASSING or attempt == self._tries:
                raise refusal(answer)
            pause_before_next_try(attempt, answer.headers.get("Retry-After"))
        found = aside(sha256_of, part)
        if found != sha256:
            aside(part.unlink)
            raise DownloadDamaged(f"{target.name} came damaged: its SHA-256 is {found}. Try again.")
        aside(part.replace, target)

    def _go_on(self, path: str, part: Path, size: int, sha256: str) -> httpx.Response | None:
        """Fetch what is missing; returns the answer, None where nothing was."""
        done = aside(_size, part)
        if size and done == size:
            return None
        # The bytes as they are: a gateway that packs them would make the rest useless.
        headers = {"Accept-Encoding": "identity"}
        if 0 < done < size:
            headers |= {"Range": f"bytes={done}-", "If-Range": f'"{sha256}"'}
        with self._http.stream("GET", f"{self._path}{path}", headers=headers) as answer:
            if not answer.is_success:
                answer.read()
                return answer
            goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
            with aside(part.open, "ab" if goes_on else "wb") as file:
                for chunk in answer.iter_raw():
                    aside(file.write, chunk)
        return answer

    def _unreachable(self, error: httpx.RequestError) -> ConnectionFailed:
        reason = str(error) or type(error).__name__
        return ConnectionFailed(
            f"The service at {self.url} was not reached: {reason}. "
            "Check the URL, and that the service runs."
        )


def pause_before_next_try(attempt: int, retry_after: str | None = None) -> None:
    """Wait longer after each failed attempt; not all clients in step."""
    pause_s = min(0.2 * 2 ** (attempt - 1), _LONGEST_PAUSE_S) * random.uniform(0.75, 1.25)  # noqa: S311
    if retry_after is not None and retry_after.isdigit():
        pause_s = max(pause_s, min(float(retry_after), _LONGEST_ASKED_PAUSE_S))
    sleep(pause_s)


def _host_of(url: str) -> str:
    """Raises NotConfigured: this is no URL of a service."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise NotConfigured(f"{url!r} is not a URL such as http://127.0.0.1:8000.")
    return host


def _new_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
