"""What dead workers left in the artifact store goes; what a row or a live lease names stays."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from app.artifacts import ArtifactStore
from app.db import new_id, transaction
from app.scans import job_queries, sweep_queries
from app.settings import settings
from tests.support import get, make_scan, plan, post, run_scan, score_all, work_on_estimate
from workers.orphans import SAFE_AGE_S, OrphanSweep

_KILLED_WHILE_WRITING = """
import os, signal, sys
from app.artifacts import ArtifactStore
with ArtifactStore(sys.argv[1]).writer(sys.argv[2]) as path:
    path.write_bytes(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def store(service: None) -> ArtifactStore:
    return ArtifactStore(settings().artifacts)


def grow_old() -> None:
    """Everything in the store was last written a while ago."""
    for path in Path(settings().artifacts).rglob("*"):
        then = time.time() - SAFE_AGE_S - 60
        os.utime(path, (then, then))


def all_files() -> set[str]:
    root = Path(settings().artifacts)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def whole_round() -> None:
    orphans = OrphanSweep(pause_s=3600)
    for _ in range(100):
        orphans.step()


def lease(scan_id: str, ttl_s: float = 30.0) -> str:
    """A worker takes a shard; the name of what it will write."""
    token = new_id()
    with transaction() as db:
        shard = job_queries.lease_next_shard(db, UUID(scan_id), token, "test", ttl_s, 3)
    assert shard is not None
    return f"scans/{scan_id}/shard-{shard.number:06}-{token.hex}.npz"


def test_what_a_worker_wrote_before_it_died_goes_once_its_lease_is_anothers(
    api: TestClient, data_dir: Path, store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    scan = make_scan(api, data_dir, n=200, evidence=True)["id"]
    plan(scan)
    dead = store.write_bytes(lease(scan, ttl_s=-1.0), b"written, never committed")
    grow_old()
    whole_round()
    assert store.exists(dead), "its lease has run out, but is in the row still: it could commit"
    with transaction() as db:
        assert sweep_queries.free_expired_shards(db) == 1
    score_all(scan)
    store.write_bytes(dead, b"written a moment ago")
    before = all_files()
    whole_round()
    assert all_files() == before, "what is young stays"

    grow_old()
    with caplog.at_level(logging.INFO, "workers.orphans"):
        whole_round()
    assert before - all_files() == {dead}
    assert dead in caplog.text
    # What is left is all that pages and later scans need.
    assert get(api, f"/scans/{scan}/scores/3/evidence")["opponents"]
    again = post(api, "/scans", {"run_id": get(api, f"/scans/{scan}")["run_id"]})["id"]
    run_scan(again)
    assert get(api, f"/scans/{again}")["summary"]["reused"] == 400
    grow_old()
    before = all_files()
    whole_round()
    assert all_files() == before, "what is reused has a name as well"


def test_what_a_live_lease_may_name_stays_however_old(
    api: TestClient, data_dir: Path, store: ArtifactStore
) -> None:
    scan = make_scan(api, data_dir, n=200)["id"]
    plan(scan)
    mine = store.write_bytes(lease(scan), b"about to be committed")
    grow_old()
    whole_round()
    assert store.exists(mine)


def test_a_file_whose_writer_was_killed_goes(
    api: TestClient, data_dir: Path, store: ArtifactStore
) -> None:
    scan = make_scan(api, data_dir, n=100)["id"]
    run_scan(scan)
    before = all_files()
    name = f"scans/{scan}/sketches-{new_id().hex}.npy"
    arguments = [sys.executable, "-c", _KILLED_WHILE_WRITING, settings().artifacts, name]
    assert subprocess.run(arguments, check=False).returncode == -9
    (left,) = all_files() - before
    assert left != name, "an unfinished file"
    grow_old()
    whole_round()
    assert all_files() == before


def test_indexing_and_estimates_leave_nothing_behind(
    api: TestClient, data_dir: Path, store: ArtifactStore
) -> None:
    scan = make_scan(api, data_dir, n=100)
    asked = post(api, "/scans/estimates", {"run_id": scan["run_id"]}, status=202)
    work_on_estimate(asked["id"])
    before = all_files()
    orphans = {
        store.write_bytes(f"datasets/{scan['dataset_id']}/examples-{new_id().hex}.arrow", b"half"),
        store.write_bytes(f"estimates/{new_id().hex}.npz", b"rehearsed"),
    }
    others = {
        store.write_bytes(f"scans/{new_id()}/shard-000000-{new_id().hex}.npz", b"another service"),
        store.write_bytes("notes/readme.txt", b"not ours"),
    }
    grow_old()
    whole_round()
    assert all_files() == before | others
    assert not orphans & all_files()


def test_a_round_ends_and_rests(api: TestClient, data_dir: Path, store: ArtifactStore) -> None:
    """A scan long over is looked at once; one that is retried, again."""
    scan = make_scan(api, data_dir, n=100)["id"]
    run_scan(scan)
    orphans = OrphanSweep(safe_age_s=0.0, pause_s=0.0)

    def step() -> None:
        for _ in range(10):
            orphans.step()

    step()
    name = store.write_bytes(f"scans/{scan}/shard-000000-{new_id().hex}.npz", b"late")
    step()
    assert store.exists(name)
    resting = OrphanSweep(safe_age_s=0.0, pause_s=3600.0)
    for _ in range(10):
        resting.step()
    assert not store.exists(name), "after a restart"
    name = store.write_bytes(f"estimates/{new_id().hex}.npz", b"late")
    resting.step()
    assert store.exists(name), "it rests"
