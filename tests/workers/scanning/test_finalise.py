"""Finalising reads each artifact once, and a commit may be tried again."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.db import reading
from app.scans import score_queries
from tests.support import get, make_scan, plan, score_all
from workers.scanning import finalise
from workers.scanning.spool import Spool


def test_columns_come_back_as_they_were_as_often_as_asked() -> None:
    rng = np.random.default_rng(0)
    parts = [
        {"terms": rng.normal(size=(n, 3)), "finite": rng.random(n) > 0.5, "loss": rng.random(n)}
        for n in (4, 1, 7)
    ]
    with TemporaryFile() as file:
        spool = Spool(file)
        for part in parts:
            spool.put(part)
        for _ in range(2):
            for found, part in zip(spool.read(), parts, strict=True):
                assert list(found) == list(part)
                for name, values in part.items():
                    np.testing.assert_array_equal(found[name], values)
                    assert found[name].dtype == values.dtype


def test_what_is_put_aside_is_not_in_memory() -> None:
    part = {"terms": np.ones((4096, 16))}
    with TemporaryFile() as file:
        spool = Spool(file)
        tracemalloc.start()
        for _ in range(64):
            spool.put(part)
        total = sum(float(found["terms"].sum()) for found in spool.read())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert total == 64 * part["terms"].size
    assert peak < 4 * part["terms"].nbytes


def test_each_artifact_is_read_once_and_a_second_try_has_all_rows(
    api: TestClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: Counter[str] = Counter()
    read, replace = finalise.read_columns, score_queries.replace_results
    tries = 0

    def counting(name: str, **how: Any) -> Any:
        reads[name] += 1
        return read(name, **how)

    def failing_once(db: Any, scan_id: Any, rows: Any, flags: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            next(iter(rows))
            raise OperationalError("COPY", {}, Exception("the database went away"))
        replace(db, scan_id, rows, flags)

    scan = make_scan(api, data_dir, n=200)["id"]
    plan(scan)
    monkeypatch.setattr(finalise, "read_columns", counting)
    monkeypatch.setattr(score_queries, "replace_results", failing_once)
    score_all(scan)

    assert get(api, f"/scans/{scan}")["status"] == "complete"
    assert tries == 2
    assert sorted(reads.values()) == [1, 1, 1, 1]
    with reading() as db:
        found = db.execute(
            text("SELECT count(*), count(rank), max(rank) FROM scores WHERE scan_id = :s"),
            {"s": scan},
        ).one()
    assert tuple(found) == (200, 200, 200)
