"""A scan by real processes, with the plug pulled on each of them. Nothing is lost or doubled."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
import torch
from safetensors.torch import save_file

from cleantrace.standalone import Stack

pytestmark = pytest.mark.stack

EXAMPLES, FEATURES, CLASSES, CHECKPOINTS = 20_000, 256, 10, 8
MODEL = {
    "name": "mlp",
    "args": {"in_features": FEATURES, "hidden": [512, 512], "classes": CLASSES},
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Two workers, short leases, small shards."""
    # Not pytest's own directory: it is closed to the account that Postgres runs as under root.
    with tempfile.TemporaryDirectory(prefix="cleantrace-survival-") as folder:
        base = Path(folder)
        base.chmod(0o755)
        (base / "data").mkdir()
        env = {
            "CLEANTRACE_LEASE_TTL_S": "3",
            "CLEANTRACE_SWEEP_INTERVAL_S": "0.5",
            "CLEANTRACE_SHARD_SIZE": "500",
            "CLEANTRACE_BATCH_SIZE": "100",
            "CLEANTRACE_TORCH_THREADS": "1",
            "CLEANTRACE_DEVICE": "cpu",
        }
        with Stack(
            base / "stack", allow=[base / "data"], workers=2, env=env, durable=False
        ) as running:
            yield running


class Project:
    """The project over HTTP, patient with an API that is being restarted."""

    def __init__(self, stack: Stack) -> None:
        self._http = httpx.Client(
            base_url=f"{stack.url}/api/v1/projects/default",
            headers={"Authorization": f"Bearer {stack.api_key}"},
            timeout=30,
        )

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = self._http.request(method, path, **kwargs)
                if answer.status_code < 500:
                    assert answer.is_success, answer.text
                    return answer.json()
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"{method} {path} does not answer"
            time.sleep(0.1)

    def wait(self, path: str, status: str, limit_s: float = 120) -> dict[str, Any]:
        deadline = time.monotonic() + limit_s
        while True:
            found: dict[str, Any] = self.call("GET", path)
            if found["status"] == status:
                return found
            assert found["status"] not in ("failed", "cancelled"), found["failure"]
            assert time.monotonic() < deadline, found
            time.sleep(0.1)


@pytest.fixture(scope="module")
def project(stack: Stack) -> Project:
    return Project(stack)


@pytest.fixture(scope="module")
def run(stack: Stack, project: Project) -> str:
    """A registered run on an indexed dataset."""
    from workers.models import build_model

    folder = Path(stack.state.data_dir).parent / "data"
    rng = np.random.default_rng(0)
    np.savez(
        folder / "data.npz",
        x=rng.normal(size=(EXAMPLES, FEATURES)).astype(np.float32),
        y=rng.integers(0, CLASSES, EXAMPLES),
    )
    dataset = project.call(
        "POST",
        "/datasets",
        json={
            "name": "noise",
            "version": "1",
            "uri": str(folder / "data.npz"),
            "format": "npz",
            "task": "classification",
            "columns": {"input": "x", "label": "y"},
        },
    )
    project.wait(f"/datasets/{dataset['id']}", "ready")
    made = project.call(
        "POST", "/runs", json={"name": "r", "dataset_id": dataset["id"], "model": MODEL}
    )
    for step in range(CHECKPOINTS):
        torch.manual_seed(step)
        path = folder / f"{step}.safetensors"
        save_file(build_model(MODEL).state_dict(), path)
        project.call(
            "POST",
            f"/runs/{made['id']}/checkpoints",
            json={"uri": str(path), "step": step, "eta": 0.1},
        )
    return str(made["id"])


def wait_for_examples(stack: Stack, scan_id: str, done: int) -> None:
    """Wait until a running scan has done so many; looks into the database, not through the API."""
    deadline = time.monotonic() + 120
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        while True:
            row = connection.execute(
                "SELECT status, (SELECT coalesce(sum(examples_done), 0) FROM scan_shards"
                " WHERE scan_id = scans.id) FROM scans WHERE id = %s",
                [scan_id],
            ).fetchone()
            assert row is not None
            assert row[0] in ("queued", "running"), row
            if row[1] >= done:
                return
            assert time.monotonic() < deadline, row
            time.sleep(0.02)


def start(project: Project, run: str) -> str:
    return str(project.call("POST", "/scans", json={"run_id": run, "fresh": True})["id"])


def results(stack: Stack, scan_id: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack.database_url) as connection:
        return connection.execute(
            "SELECT position, rank, self_influence, last_layer, loss, margin, el2n,"
            " predicted_label, probability, terms FROM scores WHERE scan_id = %s"
            " ORDER BY position",
            [scan_id],
        ).fetchall()


def workers_of(stack: Stack, scan_id: str) -> list[tuple[str, int]]:
    with psycopg.connect(stack.database_url) as connection:
        return connection.execute(
            "SELECT worker, count(*) FROM scan_shards WHERE scan_id = %s GROUP BY worker",
            [scan_id],
        ).fetchall()


def same_to_rounding(a: list[tuple[Any, ...]], b: list[tuple[Any, ...]]) -> None:
    assert [row[0] for row in a] == [row[0] for row in b] == list(range(EXAMPLES))
    for column in (2, 3, 4, 5, 6, 8, 9):
        np.testing.assert_allclose(
            [row[column] for row in a], [row[column] for row in b], rtol=1e-6
        )


def test_two_workers_share_a_scan(stack: Stack, project: Project, run: str) -> None:
    for _ in range(5):  # one worker may be done before the other has loaded the model
        scan = start(project, run)
        project.wait(f"/scans/{scan}", "complete")
        shares = workers_of(stack, scan)
        assert sum(count for _, count in shares) == EXAMPLES // 500
        assert len(results(stack, scan)) == EXAMPLES
        if len(shares) == 2:
            break
    assert len(shares) == 2, shares


def test_a_scan_survives_the_death_of_everything(stack: Stack, project: Project, run: str) -> None:
    """kill -9 of a worker's group, the API, the broker and Postgres, while the scan runs."""
    calm = start(project, run)
    project.wait(f"/scans/{calm}", "complete")
    stormy = start(project, run)
    for number, name in enumerate(["worker-1", "api", "valkey", "worker-2", "postgres"]):
        wait_for_examples(stack, stormy, 1 + number * 1500)
        stack.kill(name)  # the launcher starts it again
    project.wait(f"/scans/{stormy}", "complete")
    same_to_rounding(results(stack, calm), results(stack, stormy))


def test_cancel_and_retry_with_real_workers(stack: Stack, project: Project, run: str) -> None:
    scan = start(project, run)
    wait_for_examples(stack, scan, 1000)
    assert project.call("POST", f"/scans/{scan}/cancel")["status"] == "cancelled"
    done = project.call("GET", f"/scans/{scan}")["progress"]["shards_done"]
    time.sleep(2)
    assert project.call("GET", f"/scans/{scan}")["progress"]["shards_done"] == done
    project.call("POST", f"/scans/{scan}/retry")
    project.wait(f"/scans/{scan}", "complete")
    assert len(results(stack, scan)) == EXAMPLES


def test_requests_without_the_broker_are_taken_and_done_later(
    stack: Stack, project: Project, run: str
) -> None:
    stack.kill("valkey")
    scan = start(project, run)
    project.wait(f"/scans/{scan}", "complete")
