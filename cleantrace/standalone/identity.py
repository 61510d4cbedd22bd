"""Telling a process from a later one that was given the same pid.

A pid alone says nothing after a reboot or a busy day. Together with the moment the process started
it names one process for good.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")


def started(pid: int) -> str | None:
    """When the process `pid` started, as an opaque text; None if there is none, or a zombie."""
    if _PROC.joinpath("self", "stat").exists():
        return _started_linux(pid)
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, moment = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else moment.strip()


def _started_linux(pid: int) -> str | None:
    try:
        stat = _PROC.joinpath(str(pid), "stat").read_text()
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The program's name stands in parentheses and may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def is_alive(pid: int, moment: str) -> bool:
    """Whether the process that had `pid` and started at `moment` still runs."""
    return started(pid) == moment


def command_line(pid: int) -> str:
    """The command line of `pid`, or an empty text."""
    try:
        return _PROC.joinpath(str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (OSError, UnicodeDecodeError):
        answer = subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that `pid` leads; silent if nobody is left in it."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM for a group of which only zombies are left.
        return


def end_stale(
    pid: int,
    moment: str,
    stop_signal: int,
    *,
    grace_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Stop a process that is not our child: politely, then, after `grace_s`, by SIGKILL.

    Does nothing if it has ended already: its number may by now be somebody else's.
    """
    if not is_alive(pid, moment):
        return
    for number, limit_s in ((stop_signal, grace_s), (signal.SIGKILL, 5.0)):
        if not is_alive(pid, moment):
            break
        signal_group(pid, number)
        deadline = time.monotonic() + limit_s
        while is_alive(pid, moment) and time.monotonic() < deadline:
            pause(0.05)
    # Its children, if it had any, are in the same group.
    if not is_alive(pid, moment):
        signal_group(pid, signal.SIGKILL)
