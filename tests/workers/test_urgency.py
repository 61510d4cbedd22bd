"""A small job is next after the shard in progress: a real worker on a real broker."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import text

from app import nudges
from app.db import transaction
from cleantrace.standalone.commands import ServiceCommands
from tests.support import get, make_scan, plan, post

_RECEIVED = re.compile(r"Task (\S+)\[\S+\] received")


def wait_until(is_so: Callable[[], bool], why: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


def test_a_small_job_overtakes_the_shards_that_wait(
    api: TestClient, data_dir: Path, tmp_path: Path
) -> None:
    scan = make_scan(api, data_dir, n=640)
    plan(scan["id"])  # ten shards, and as many messages
    assert nudges.waiting_in(nudges.SCORING_QUEUE) == 10
    worker = ServiceCommands(logs=tmp_path, cwd=tmp_path, env={}).worker("one")

    def received() -> list[str]:
        log = worker.log.read_text() if worker.log.exists() else ""
        found = _RECEIVED.findall(log)
        return [name for name in found if nudges.QUEUE_OF_TASK[name] == nudges.SCORING_QUEUE]

    try:
        with transaction() as db:
            # The worker comes as far as its first shard.
            db.execute(text("LOCK TABLE scan_shards IN ACCESS EXCLUSIVE MODE"))
            worker.start()
            wait_until(lambda: len(received()) > 0, worker.log_tail)
            assert received() == ["scans.score_shard"]
            asked = post(api, "/scans/estimates", {"run_id": scan["run_id"]}, status=202)
            assert nudges.waiting_in(nudges.SCORING_QUEUE) == 10  # nine shards and the estimate

        def estimate() -> dict[str, object]:
            found: dict[str, object] = get(api, f"/scans/estimates/{asked['id']}")
            return found

        wait_until(lambda: estimate()["status"] == "done", lambda: (estimate(), worker.log_tail()))
        assert received()[:2] == ["scans.score_shard", "scans.estimate"]
        # And the scan goes on.
        wait_until(
            lambda: get(api, f"/scans/{scan['id']}")["status"] == "complete", worker.log_tail
        )
    finally:
        worker.stop(10)


def test_every_message_is_counted(database: None) -> None:
    subject = UUID(int=0)
    for task in ("scans.score_shard", "scans.estimate", "scans.evidence", "scans.score_shard"):
        assert nudges.send(task, subject)
    assert nudges.waiting_in(nudges.SCORING_QUEUE) == 4
    assert nudges.waiting_in(nudges.CPU_QUEUE) == 0
