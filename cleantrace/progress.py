"""Progress of jobs for people: a bar in a terminal, a line now and then anywhere else."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from cleantrace.client.export_models import Export
from cleantrace.client.models import Checkpoint, Dataset, Estimate, Scan, Upload

_LINE_EVERY_S = 5.0


class Bar:
    """One bar. Its methods named after what they follow are callbacks for the client.

        with Bar("Scanning") as bar:
            client.wait_for_scan(scan, progress=bar.scan)

    Args:
        what: what goes on.
        console: where; standard error by default, so that results can be piped.
    """

    def __init__(self, what: str, console: Console | None = None) -> None:
        self._what = what
        self._console = console or Console(stderr=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._said_at = time.monotonic()
        self._began_at = time.monotonic()
        self._last = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress = Progress(
                SpinnerColumn(finished_text="[green]✓"),
                TextColumn("{task.description}"),
                BarColumn(bar_width=32),
                TextColumn("{task.fields[note]}", style="dim"),
                console=self._console,
            )
            self._progress.start()
            self._task = self._progress.add_task(self._what, total=None, note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None and self._task is not None:
            if kind is None:
                # Whatever was counted last: a job that ended well is done.
                total = self._progress.tasks[0].total or 1
                self._progress.update(self._task, total=total, completed=total)
            self._progress.stop()
        elif kind is None:
            self._say(f"{self._last}, " if self._last else "")

    def update(self, done: int, total: int | None, note: str) -> None:
        """Show that `done` of `total` is done; the note says it in words."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total, note=note)
            return
        self._last = note
        if time.monotonic() - self._said_at >= _LINE_EVERY_S:
            self._say(f"{note}, ")
            self._said_at = time.monotonic()

    def _say(self, note: str) -> None:
        seconds = time.monotonic() - self._began_at
        self._console.print(f"{self._what}: {note}{seconds:.1f} s", highlight=False, soft_wrap=True)

    def dataset(self, seen: Dataset) -> None:
        """Callback of `wait_for_dataset`."""
        done = seen.rows_done if seen.example_count is None else seen.example_count
        self.update(done, seen.example_count, f"{done:,} rows")

    def upload(self, seen: Upload) -> None:
        """Callback of `upload`."""
        sent = min(seen.received * seen.part_bytes, seen.size)
        self.update(sent, seen.size, f"{sent / 1e6:,.1f} of {seen.size / 1e6:,.1f} MB")

    def checkpoints(self, seen: Sequence[Checkpoint]) -> None:
        """Callback of `wait_for_checkpoints`."""
        done = sum(each.status != "registered" for each in seen)
        self.update(done, len(seen), f"{done} of {len(seen)}")

    def estimate(self, seen: Estimate) -> None:
        """Callback of `estimate_scan`."""
        waiting = "waiting for a worker" if seen.status == "queued" else "timing a few batches"
        self.update(0, None, "timed" if seen.status == "done" else waiting)

    def export(self, seen: Export) -> None:
        """Callback of `wait_for_export`."""
        self.update(seen.rows_done, None, f"{seen.rows_done:,} rows")

    def scan(self, seen: Scan) -> None:
        """Callback of `wait_for_scan`."""
        progress = seen.progress
        note = f"{seen.status}, {progress.examples_done:,} of {progress.example_count:,} examples"
        if progress.examples_per_second:
            note += f", {progress.examples_per_second:,.0f}/s"
        if progress.seconds_left and not seen.is_over:
            note += f", {progress.seconds_left:.0f} s left"
        self.update(progress.examples_done, progress.example_count or None, note)
