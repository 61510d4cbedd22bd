"""`cleantrace up`: starts the servers and the service, watches them, stops them in order."""

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx

from cleantrace.standalone.child import Child, run_to_end
from cleantrace.standalone.commands import ServiceCommands
from cleantrace.standalone.data_dir import DataDirectory, ProcessRecord, StackState
from cleantrace.standalone.errors import (
    PortTaken,
    ServerFailed,
    StandaloneError,
    StopRequested,
)
from cleantrace.standalone.files import write_private
from cleantrace.standalone.identity import end_stale, is_alive
from cleantrace.standalone.ports import free_port, is_free
from cleantrace.standalone.postgres import PostgresServer
from cleantrace.standalone.supervisor import Supervisor
from cleantrace.standalone.valkey import ValkeyServer
from cleantrace.version import __version__

_SERVICE, _BROKER, _DATABASE = range(3)
_GRACE_S = 4.0
_API_LIMIT_S = 90.0
_LISTENS = "Uvicorn running on"  # what uvicorn says once it has its port


@dataclass(frozen=True)
class LaunchOptions:
    """What `cleantrace up` was asked for."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    allow: tuple[str, ...] = ()
    project: str = "default"
    postgres_options: tuple[tuple[str, str], ...] = ()


class Launcher:
    """One run of a stack, in the thread that calls `run`, which must be the main one.

    Args:
        options: what was asked for.
        say: takes a line for the operator.
    """

    def __init__(self, options: LaunchOptions, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._data = DataDirectory(options.data_dir)
        self._stop_asked = False
        self._supervisor = Supervisor(say, self._write_state)
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None
        self._state: StackState | None = None

    def run(self) -> None:
        """Run until SIGTERM, SIGINT or SIGHUP.

        Raises:
            StandaloneError: it cannot start; everything that was started is stopped.
        """
        self._check_options()
        self._data.open()
        before = {
            number: signal.signal(number, self._note_stop)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN  # as under nohup
        }
        try:
            self._start()
            while True:
                self._supervisor.look()
                self._pause(0.1)
        except StopRequested:
            self._say("Stopping.")
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)
            self._data.lock.release()

    def _check_options(self) -> None:
        for root in self._options.allow:
            if "," in root:
                raise StandaloneError(f"--allow {root}: a path with a comma cannot be allowed.")
            if "://" not in root and not Path(root).exists():
                raise StandaloneError(f"--allow {root}: there is no such file or directory.")

    def _note_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_asked = True

    def _pause(self, seconds: float) -> None:
        """Wait; every waiting step comes by here, so that a stop is heard within a moment."""
        deadline = time.monotonic() + seconds
        while not self._stop_asked:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.1))
        raise StopRequested

    def _start(self) -> None:
        self._end_stale()
        port = self._choose_port()
        options = self._options
        shown_host = "127.0.0.1" if options.host in {"0.0.0.0", "::"} else options.host  # noqa: S104
        shown_host = f"[{shown_host}]" if ":" in shown_host else shown_host
        url = os.environ.get("CLEANTRACE_PUBLIC_URL", f"http://{shown_host}:{port}").rstrip("/")
        artifacts = os.environ.get("CLEANTRACE_ARTIFACTS", str(self._data.artifacts))
        self._state = StackState(
            "starting", os.getpid(), __version__, url, options.host, port, options.project,
            str(self._data.path), artifacts, str(self._data.api_key_of(options.project)),
        )  # fmt: skip
        self._write_state()
        self._start_servers(self._state)
        self._write_state()
        commands = ServiceCommands(
            logs=self._data.logs,
            cwd=self._data.path,
            env={
                "DATABASE_URL": self._state.database_url,
                "REDIS_URL": self._state.redis_url,
                "CLEANTRACE_ARTIFACTS": artifacts,
                "CLEANTRACE_ALLOWED_ROOTS": self._allowed_roots(),
                "CLEANTRACE_PUBLIC_URL": url,
                "CLEANTRACE_WEBHOOK_KEYS": os.environ.get("CLEANTRACE_WEBHOOK_KEYS")
                or self._data.webhook_key(),
                "CLEANTRACE_EVIDENCE_KEYS": os.environ.get("CLEANTRACE_EVIDENCE_KEYS")
                or self._data.evidence_key(),
            },
        )
        self._say("Preparing the database.")
        run_to_end(commands.migrate(), limit_s=600, pause=self._pause)
        self._say("Starting the API and the workers.")
        self._start_service(commands, options.host, port)
        new_key = self._ensure_key(commands)
        link = self._printed_by(lambda log: commands.sign_in_link(options.project, log))
        self._wait_for_api(f"http://{shown_host}:{port}")
        self._state.sign_in_url = f"{url}{link}"
        self._state.state = "ready"
        self._write_state()
        self._greet(self._state, new_key)

    def _end_stale(self) -> None:
        """End what a killed launcher left; we hold the lock, so nobody else owns these."""
        state = self._data.read_state()
        if state is None:
            return
        for name, record in reversed(state.processes.items()):
            if is_alive(record.pid, record.started):
                self._say(f"Ending {name}, process {record.pid}, which an earlier run left.")
                end_stale(
                    record.pid, record.started, record.stop_signal, grace_s=5, pause=self._pause
                )
        self._data.state_file.unlink(missing_ok=True)

    def _choose_port(self) -> int:
        host, port = self._options.host, self._options.port
        try:
            socket.getaddrinfo(host, port)
        except OSError as error:
            raise StandaloneError(f"--host {host}: {error.strerror}.") from error
        if port == 0:
            return free_port(host)
        if not is_free(host, port):
            raise PortTaken(
                f"Port {port} on {host} is taken. Choose another with --port, or --port 0 for any."
            )
        return port

    def _start_servers(self, state: StackState) -> None:
        state.database_url = os.environ.get("DATABASE_URL", "")
        state.redis_url = os.environ.get("REDIS_URL", "")
        if not state.database_url:
            self._say("Starting Postgres.")
            self._postgres = PostgresServer(
                self._data.postgres,
                log=self._data.logs / "postgres.log",
                options=dict(self._options.postgres_options),
                pause=self._pause,
            )
            self._postgres.start()
            assert self._postgres.child is not None
            self._supervisor.watch(
                self._postgres.child, stage=_DATABASE, spawn=self._postgres.spawn
            )
            state.database_url = self._postgres.url
        if not state.redis_url:
            self._say("Starting Valkey.")
            self._valkey = ValkeyServer(
                self._data.valkey, log=self._data.logs / "valkey.log", pause=self._pause
            )
            self._valkey.start()
            assert self._valkey.child is not None
            self._supervisor.watch(self._valkey.child, stage=_BROKER, spawn=self._valkey.spawn)
            state.redis_url = self._valkey.url

    def _allowed_roots(self) -> str:
        given = [
            root if "://" in root else str(Path(root).resolve()) for root in self._options.allow
        ]
        return ",".join(filter(None, [os.environ.get("CLEANTRACE_ALLOWED_ROOTS"), *given]))

    def _start_service(self, commands: ServiceCommands, host: str, port: int) -> None:
        children = [commands.api(host, port)]
        children += [commands.worker(f"worker-{n + 1}") for n in range(self._options.workers)]
        children.append(commands.sweep())
        for child in children:
            child.start()
            self._supervisor.watch(child, stage=_SERVICE)

    def _ensure_key(self, commands: ServiceCommands) -> str | None:
        """The first API key, if it had to be made now; the database keeps only its hash."""
        kept = self._data.api_key_of(self._options.project)
        if kept.exists():
            return None
        key = self._printed_by(
            lambda log: commands.create_key(self._options.project, "first", "engineer", log)
        )
        write_private(kept, key + "\n")
        return key

    def _printed_by(self, make: Callable[[Path], Child]) -> str:
        """The last line a command prints; its output, a secret, is kept nowhere."""
        output = self._data.logs / ".output"
        write_private(output, "")
        try:
            run_to_end(make(output), limit_s=60, pause=self._pause)
            lines = output.read_text().split()
        finally:
            output.unlink()
        if not lines:
            raise ServerFailed("A key or sign-in link was asked for, and nothing was printed.")
        return lines[-1]

    def _wait_for_api(self, address: str) -> None:
        api = self._supervisor.children["api"]
        deadline = time.monotonic() + _API_LIMIT_S
        # Another stack may have taken the port a moment before us, and would answer as well: it
        # is our own process that must have begun to listen.
        while not (_LISTENS in api.log_tail(50) and _is_healthy(address)):
            if not api.is_running():
                raise ServerFailed(f"api {api.ending()}:\n{api.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"The API does not answer at {address}:\n{api.log_tail()}")
            self._pause(0.05)

    def _write_state(self) -> None:
        if self._state is None:
            return
        self._state.processes = {
            name: ProcessRecord(child.pid, child.started_at, child.stop_signal)
            for name, child in self._supervisor.children.items()
            if child.is_running() and child.pid is not None and child.started_at is not None
        }
        self._data.write_state(self._state)

    def _greet(self, state: StackState, new_key: str | None) -> None:
        key_file = state.api_key_file
        self._say(f"\nCleantrace runs at {state.url}")
        self._say(f"  Sign in, once:  {state.sign_in_url}")
        if new_key:
            self._say(f"  API key:        {new_key}  (kept in {key_file})")
        else:
            self._say(f"  API key:        in {key_file}")
        self._say(
            f'  Try:            curl -H "Authorization: Bearer $(cat {key_file})" '
            f"{state.url}/api/v1/projects/{state.project}/datasets"
        )
        roots = self._allowed_roots()
        self._say(f"  Data from:      {roots or 'nowhere yet; give directories with --allow'}")
        self._say(f"  Data directory: {self._data.path}\nStop with Ctrl-C.\n")

    def _stop(self) -> None:
        # A second Ctrl-C must not leave processes behind; what is slow is killed soon anyway.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self._state is not None:
            self._state.state = "stopping"
            self._write_state()
        self._supervisor.stop(_GRACE_S)
        for server in (self._valkey, self._postgres):
            if server is not None:
                server.stop()
        if self._state is not None:
            self._data.state_file.unlink(missing_ok=True)


def _is_healthy(address: str) -> bool:
    try:
        # Not through a proxy that the environment may name: this is our own process.
        return httpx.get(f"{address}/api/v1/health", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
