"""A process of ours: started in its own session, logged to a file, stopped for certain."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cleantrace.standalone.accounts import Account
from cleantrace.standalone.errors import ServerFailed
from cleantrace.standalone.identity import signal_group, started

_PR_SET_PDEATHSIG = 1
# Looked up before any fork: a child between fork and exec should not have to load a library.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

LOG_LIMIT_BYTES = 20_000_000


class Child:
    """One child process, which may be started again after it ended.

    It leads its own session, so that a Ctrl-C in the terminal reaches only us and we decide the
    order of stopping. On Linux the kernel sends it `death_signal` when the *thread* that started
    it ends, however it ended: start children from a thread that stays.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path,
        account: Account | None = None,
        stop_signal: int = signal.SIGTERM,
        death_signal: int = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.env = dict(env)
        self.cwd = cwd
        self.account = account
        self.stop_signal = stop_signal
        self.death_signal = death_signal
        self.started_at: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._group_ended = True
        self._log_start = 0

    def start(self) -> None:
        """Start the process; returns at once.

        Raises:
            ServerFailed: the program cannot be executed.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        user = self.account.uid if self.account else None
        group = self.account.gid if self.account else None
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            try:
                self._process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.cwd,
                    start_new_session=True,
                    user=user,
                    group=group,
                    extra_groups=[] if self.account else None,
                    preexec_fn=_death_notice(self.death_signal),
                )
            except OSError as error:
                raise ServerFailed(f"{self.name} could not be started: {error}") from error
        self._group_ended = False
        self.started_at = started(self._process.pid)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ending(self) -> str:
        """How the process ended, in words."""
        status = self._process.poll() if self._process else None
        if status is None:
            return "has not ended"
        if status >= 0:
            return f"ended with status {status}"
        return f"was killed by {signal.Signals(-status).name}"

    def exit_status(self) -> int | None:
        return self._process.poll() if self._process else None

    def ask_to_stop(self) -> None:
        """Send the stop signal to the process alone; what it started is its own affair."""
        if self.is_running() and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, self.stop_signal)

    def wait(self, limit_s: float) -> bool:
        """Wait until the process has ended, at most `limit_s`; whether it has."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, limit_s))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End the process and everything left in its group, now."""
        # Once only: later the number may be the group of somebody else.
        if self.pid is None or self._group_ended:
            return
        signal_group(self.pid, signal.SIGKILL)
        self.wait(5.0)
        self._group_ended = True

    def stop(self, grace_s: float) -> None:
        """Ask, wait at most `grace_s`, then kill; nothing of the group is left."""
        self.ask_to_stop()
        self.wait(grace_s)
        self.kill()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines it wrote since it was started last."""
        return tail(self.log, lines, since=self._log_start)


def run_to_end(
    child: Child, *, limit_s: float, pause: Callable[[float], None] = time.sleep
) -> None:
    """Run a child that does one thing and ends.

    Raises:
        ServerFailed: it ended with another status than 0, or not within `limit_s`.
    """
    child.start()
    deadline = time.monotonic() + limit_s
    try:
        while child.is_running():
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"{child.name} took more than {limit_s:.0f} s.\n{child.log_tail()}"
                )
            pause(0.02)
    finally:
        child.kill()
    if child.exit_status() != 0:
        raise ServerFailed(f"{child.name} {child.ending()}:\n{child.log_tail()}")


def tail(path: Path, lines: int = 20, *, since: int = 0) -> str:
    """The last lines of a text file behind byte `since`, or an empty text."""
    try:
        with path.open("rb") as file:
            file.seek(max(since, path.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _death_notice(number: int) -> Callable[[], None] | None:
    """What a new child does before it becomes its program: ask to be told of our death.

    Linux only. Elsewhere the next start finds and ends what a killed launcher left.
    """
    if _PRCTL is None:
        return None
    parent = os.getpid()

    def ask() -> None:
        _PRCTL(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # we died before the request was made
            os._exit(1)

    return ask
