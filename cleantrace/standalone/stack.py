"""A whole stack from Python, for tests, demos and notebooks.

    with Stack(data_dir="/tmp/trace", port=0, allow=["/data"]) as stack:
        Client(stack.url, stack.api_key)

It runs `cleantrace up` as a process of its own, exactly as an operator would.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from cleantrace.standalone.child import Child
from cleantrace.standalone.data_dir import DataDirectory, StackState
from cleantrace.standalone.errors import ServerFailed
from cleantrace.standalone.identity import signal_group
from cleantrace.standalone.postgres import says_ready

_SOURCE = Path(__file__).resolve().parents[2]


class Stack:
    """A stack on a data directory; a context manager.

    Start it from a thread that stays: on Linux the stack stops itself when that thread ends.

    Args:
        data_dir: where it keeps everything; starts again on what is there.
        port: of the API; 0 takes a free one.
        allow: directories and URL prefixes that data and checkpoints may be read from.
        workers: worker processes.
        project: the project whose key and sign-in link are made.
        env: settings for the service, and DATABASE_URL or REDIS_URL to use servers of yours. Those
            in this process's own environment do not count: they may speak of another service.
        durable: False tells Postgres not to wait for the disk, for data that may be lost.
        start_limit_s: how long the start may take.
    """

    def __init__(
        self,
        data_dir: str | Path,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        allow: Sequence[str | Path] = (),
        workers: int = 1,
        project: str = "default",
        env: Mapping[str, str] | None = None,
        durable: bool = True,
        start_limit_s: float = 180.0,
    ) -> None:
        self._data = DataDirectory(Path(data_dir))
        self._start_limit_s = start_limit_s
        argv = [
            sys.executable, "-m", "cleantrace.cli", "up", "--data-dir", str(self._data.path),
            "--host", host, "--port", str(port), "--workers", str(workers), "--project", project,
        ]  # fmt: skip
        for root in allow:
            argv += ["--allow", str(root)]
        if not durable:
            argv.append("--not-durable")
        path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
        self._launcher = Child(
            "cleantrace up",
            argv,
            log=self._data.logs / "launcher.log",
            env={
                **without_settings(os.environ),
                "PYTHONUNBUFFERED": "1",
                **(env or {}),
                "PYTHONPATH": path,
            },
            cwd=Path("/"),
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGTERM,
        )

    def start(self) -> None:
        """Start and wait until the API answers.

        Raises:
            ServerFailed: it did not come up; the message holds what the launcher said.
        """
        self._launcher.start()
        deadline = time.monotonic() + self._start_limit_s
        while (state := self._read()) is None or state.state != "ready":
            if not self._launcher.is_running():
                raise ServerFailed(
                    f"The stack {self._launcher.ending()}:\n{self._launcher.log_tail(40)}"
                )
            if time.monotonic() > deadline:
                log = self._launcher.log_tail(40)
                self.stop()
                raise ServerFailed(f"The stack is not ready in time:\n{log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop everything, in order. Does nothing if it is stopped."""
        self._launcher.stop(grace_s=20.0)

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

    @property
    def pid(self) -> int:
        """Of the launcher, the parent of all other processes."""
        return self.state.pid

    @property
    def state(self) -> StackState:
        """What `stack.json` says now."""
        state = self._read()
        if state is None:
            raise ServerFailed(f"The stack on {self._data.path} does not run.")
        return state

    @property
    def url(self) -> str:
        return self.state.url

    @property
    def sign_in_url(self) -> str:
        """Signs a browser in once."""
        return self.state.sign_in_url

    @property
    def api_key(self) -> str:
        return Path(self.state.api_key_file).read_text().strip()

    @property
    def database_url(self) -> str:
        return self.state.database_url

    @property
    def redis_url(self) -> str:
        return self.state.redis_url

    @property
    def processes(self) -> dict[str, int]:
        """Pids of what runs now: postgres, valkey, api, sweep, worker-1, worker-2, ..."""
        return {name: record.pid for name, record in self.state.processes.items()}

    @property
    def log(self) -> str:
        """The end of what the launcher said."""
        return self._launcher.log_tail(60)

    def log_of(self, name: str, lines: int = 60) -> str:
        """The end of the log of one process."""
        return Child(
            name, [], log=self._data.logs / f"{name}.log", env={}, cwd=self._data.path
        ).log_tail(lines)

    def kill(self, name: str) -> int:
        """SIGKILL a process and all in its group; returns the pid it had. It will come back."""
        pid = self.processes[name]
        signal_group(pid, signal.SIGKILL)
        return pid

    def restart(self, name: str, *, limit_s: float = 30.0) -> int:
        """Kill a process and wait until it runs again; returns its new pid.

        For the API and our own Postgres it waits until they answer.
        """
        return self.wait_for(name, other_than=self.kill(name), limit_s=limit_s)

    def wait_for(self, name: str, *, other_than: int = 0, limit_s: float = 30.0) -> int:
        """Wait until a process runs under another pid; returns the pid.

        Raises:
            ServerFailed: it does not within `limit_s`.
        """
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            pid = self.processes.get(name, other_than)
            if pid != other_than and self._answers(name, pid):
                return pid
            time.sleep(0.05)
        raise ServerFailed(f"{name} does not run again:\n{self.log}")

    def _answers(self, name: str, pid: int) -> bool:
        if name == "postgres":
            return says_ready(self._data.postgres / "cluster", pid)
        if name != "api":
            return True
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _read(self) -> StackState | None:
        """The state of *this* launcher: an older file is none of ours."""
        state = self._data.read_state()
        return state if state is not None and state.pid == self._launcher.pid else None


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what the service takes its settings from."""
    return {
        name: value
        for name, value in environment.items()
        if name not in {"DATABASE_URL", "REDIS_URL"} and not name.startswith("CLEANTRACE_")
    }
