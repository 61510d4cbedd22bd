"""Keeps the processes of a stack running, and ends them in order."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cleantrace.standalone.child import Child
from cleantrace.standalone.errors import StandaloneError

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 10.0
STEADY_AFTER_S = 30.0
"""A process that ran this long is forgiven its earlier deaths."""


@dataclass
class _Watched:
    child: Child
    spawn: Callable[[], None]
    stage: int
    since: float
    delay_s: float = FIRST_DELAY_S
    due: float | None = None


class Supervisor:
    """Starts a process again when it ends, with growing delays.

    Args:
        say: takes a line for the operator.
        on_change: called after the set of pids has changed.
    """

    def __init__(self, say: Callable[[str], None], on_change: Callable[[], None]) -> None:
        self._say = say
        self._on_change = on_change
        self._watched: dict[str, _Watched] = {}

    @property
    def children(self) -> dict[str, Child]:
        return {name: watched.child for name, watched in self._watched.items()}

    def watch(self, child: Child, *, stage: int, spawn: Callable[[], None] | None = None) -> None:
        """Watch a running child from now on.

        Args:
            stage: children of the lowest stage are stopped first, those of one stage together.
            spawn: starts it again; the child's own `start` by default.
        """
        self._watched[child.name] = _Watched(child, spawn or child.start, stage, time.monotonic())
        self._on_change()

    def look(self) -> None:
        """One round: note who has ended, start whose delay is over."""
        for name, watched in self._watched.items():
            now = time.monotonic()
            if watched.due is not None:
                if now >= watched.due:
                    self._start_again(name, watched)
            elif not watched.child.is_running():
                if now - watched.since > STEADY_AFTER_S:
                    watched.delay_s = FIRST_DELAY_S
                self._note_end(name, watched)

    def _note_end(self, name: str, watched: _Watched) -> None:
        self._say(f"{name} {watched.child.ending()}; starting it again in {watched.delay_s:g} s.")
        if (watched.child.exit_status() or 0) > 0:
            self._say(_indented(watched.child.log_tail(8)))
        watched.child.kill()  # what it may have left in its process group
        watched.due = time.monotonic() + watched.delay_s
        watched.delay_s = min(watched.delay_s * 2, LONGEST_DELAY_S)
        self._on_change()

    def _start_again(self, name: str, watched: _Watched) -> None:
        try:
            watched.spawn()
        except StandaloneError as error:
            self._say(f"{name}: {error}")
            watched.due = time.monotonic() + watched.delay_s
            watched.delay_s = min(watched.delay_s * 2, LONGEST_DELAY_S)
            return
        watched.due = None
        watched.since = time.monotonic()
        self._say(f"{name} runs again, process {watched.child.pid}.")
        self._on_change()

    def stop(self, grace_s: float) -> None:
        """End all, stage by stage; each stage gets `grace_s`, then is killed."""
        for stage in sorted({watched.stage for watched in self._watched.values()}):
            children = [w.child for w in self._watched.values() if w.stage == stage]
            for child in children:
                child.ask_to_stop()
            deadline = time.monotonic() + grace_s
            for child in children:
                child.wait(deadline - time.monotonic())
                child.kill()
        self._watched.clear()


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
