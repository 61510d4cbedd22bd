"""What `gate check` looks at: the dataset version, its scan, and the data in the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.exits import complain
from cleantrace.client import Dataset
from cleantrace.client.errors import JobFailed, WaitTimedOut
from cleantrace.progress import Bar

if TYPE_CHECKING:
    from cleantrace.client import Client

_SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Target:
    """Just one of both; `dataset_id` is that of either."""

    dataset: str | None
    scan: str | None
    dataset_id: str


def find_target(
    client: Client,
    dataset: str | None,
    scan: str | None,
    *,
    wait: bool,
    timeout_s: float | None,
) -> Target:
    """Where asked to, waits for the dataset to be indexed and for its latest scan to end.

    What is not there when the time is over stays unknown: the service then says so, and there is
    no verdict. So does a scan that ended otherwise than complete.
    """
    if (dataset is None) == (scan is None):
        raise typer.BadParameter("Give --dataset or --scan.")
    end = None if timeout_s is None else time.monotonic() + timeout_s
    if scan is not None:
        if wait:
            _wait_for_scan(client, scan, end)
        return Target(None, scan, client.get_scan(scan).dataset_id)
    assert dataset is not None
    found = client.get_dataset(find_dataset(client, dataset))
    if wait:
        _wait_for_dataset(client, found, end)
        latest = next(client.scans(found), None)
        if latest is not None and not latest.is_over:
            _wait_for_scan(client, latest.id, end)
            return Target(None, latest.id, found.id)
    return Target(found.id, None, found.id)


def _wait_for_dataset(client: Client, dataset: Dataset, end: float | None) -> None:
    if dataset.status in ("ready", "failed"):
        return
    with _told(), Bar("Indexing") as bar:
        client.wait_for_dataset(dataset, progress=bar.dataset, timeout_s=_left(end))


def _wait_for_scan(client: Client, scan: str, end: float | None) -> None:
    with _told(), Bar("Scanning") as bar:
        client.wait_for_scan(scan, progress=bar.scan, timeout_s=_left(end))


def _left(end: float | None) -> float | None:
    return None if end is None else max(end - time.monotonic(), 0.0)


@contextmanager
def _told() -> Iterator[None]:
    """Says on standard error why waiting was in vain, and goes on."""
    try:
        yield
    except (WaitTimedOut, JobFailed) as error:
        complain(str(error), typer.colors.YELLOW)


def fingerprint_of(client: Client, dataset_id: str, data: Path) -> str | None:
    """Of data here, read as the dataset was registered; None, with the reason on standard error.

    The service's own reader does it, in a process of its own: the client needs none of what that
    imports.
    """
    found = client.get_dataset(dataset_id)
    spec = {
        "uri": str(data.absolute()),
        "format": found.format,
        "task": found.task,
        "columns": found.columns,
        "modality": found.modality,
        "classes": found.classes,
        "on_bad_rows": found.on_bad_rows,
    }
    path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
    answer = subprocess.run(
        [sys.executable, "-m", "workers.data.fingerprint"],
        input=json.dumps(spec),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    if answer.returncode == 0:
        return answer.stdout.strip()
    reason = answer.stderr.strip()
    if "ModuleNotFoundError" in reason:
        reason = "reading data needs more packages: pip install 'cleantrace[api]'"
    complain(f"{data}: {reason}", typer.colors.YELLOW)
    return None
