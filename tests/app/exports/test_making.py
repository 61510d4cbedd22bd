"""How exports come about: the same bytes each time, whoever dies over them, and nothing left."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from app import nudges
from app.artifacts import ArtifactStore
from app.db import new_id
from app.settings import settings
from tests.app.exports.world import (
    ask,
    content,
    decide,
    export,
    lines,
    make,
    queue_of,
    register,
    review,
)
from tests.app.reviews.world import Person, sql
from tests.support import get
from workers.orphans import OrphanSweep
from workers.sweep import sweep

N = 1_000
PART_ROWS = 150

_KILLED_AFTER_TWO_PARTS = """
import os, signal, sys
from uuid import UUID
from workers.exports.jobs import run_export
from workers.exports.progress import Progress

keep = Progress.add

def keep_and_die(progress, part):
    keep(progress, part)
    if len(progress.parts) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

Progress.add = keep_and_die
run_export(UUID(sys.argv[1]), part_rows=int(sys.argv[2]))
"""


@pytest.fixture
def dataset(api: TestClient, data_dir: Path) -> dict[str, Any]:
    """Of many parts, all of it found wrong."""
    table = {
        "id": [f"k{i}" for i in range(N)],
        "text": [f"text {i}" for i in range(N)],
        "label": pa.array(np.array(["a", "b"])[np.arange(N) % 2]),
    }
    path = data_dir / "many.parquet"
    parquet.write_table(pa.table(table), path, row_group_size=50)
    made = register(api, path, "parquet")
    queue = queue_of(api, made)
    for given, verdict in (("a", "b"), ("b", "a")):
        body = {"selection": {"given": given}, "verdict": {"kind": "relabel", "label": verdict}}
        answer = api.post(f"/api/v1/projects/lab/queues/{queue}/batches", json=body)
        assert answer.status_code == 201, answer.text
    return made


def kill_half_way(export_id: str) -> None:
    """A worker that dies once two parts are kept."""
    command = [sys.executable, "-c", _KILLED_AFTER_TWO_PARTS, export_id, str(PART_ROWS)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def parts_of(export_id: str) -> int:
    query = "SELECT jsonb_array_length(progress -> 'parts') FROM exports WHERE id = :id"
    found: int | None = sql(query, id=export_id)[0][0]
    return found or 0


def let_lease_expire(export_id: str) -> None:
    sql("UPDATE exports SET lease_expires_at = now() - interval '1 s' WHERE id = :id", id=export_id)


@pytest.mark.parametrize("kind", ["patch", "dataset"])
def test_one_that_was_killed_goes_on_where_it_was(
    api: TestClient, dataset: dict[str, Any], kind: str
) -> None:
    undisturbed = export(api, dataset, kind)
    made = ask(api, dataset, kind)
    kill_half_way(made)
    assert get(api, f"/exports/{made}")["status"] == "running"
    make(made)  # somebody else's still
    assert parts_of(made) == 2
    # What is decided meanwhile is not in it.
    queue = get(api, "/queues")["items"][0]["id"]
    sql("UPDATE review_items SET outcome = 'unusable' WHERE queue_id = :id", id=queue)
    let_lease_expire(made)
    make(made, part_rows=PART_ROWS)
    after = get(api, f"/exports/{made}")
    assert after["status"] == "done", after["failure"]
    assert [f["sha256"] for f in after["files"]] == [f["sha256"] for f in undisturbed["files"]]
    assert after["card"]["fingerprint"] == undisturbed["card"]["fingerprint"]
    assert len(ArtifactStore(settings().artifacts).files(f"exports/{made}")) == 1


def test_repetition_gives_the_same_bytes(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(9)))
    dataset = register(api, path, "csv")
    review(api, dataset, {0: "b", 1: "unusable", 2: "right"})
    for kind, kind_format in (
        ("patch", "csv"),
        ("patch", "jsonl"),
        ("patch", "parquet"),
        ("dataset", None),
    ):
        first, second = (export(api, dataset, kind, format=kind_format) for _ in range(2))
        data = content(api, first)
        assert data == content(api, second)
        assert hashlib.sha256(data).hexdigest() == first["files"][0]["sha256"]
        assert len(data) == first["files"][0]["bytes"]


def test_of_two_queues_the_later_outcome_counts(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'abc'[i % 3]}\n" for i in range(9)))
    dataset = register(api, path, "csv")
    early = review(api, dataset, {0: "b", 1: "unusable", 2: "right", 3: "b"}, name="early")
    late = queue_of(api, dataset, name="late")
    decide(Person(api), late, {0: "c", 1: "right", 2: "right", 4: "unsure", 3: "unsure"})
    made = export(api, dataset)
    assert [(row["key"], row["new"], row["queue"]) for row in lines(api, made)] == [
        ("k0", "c", "late"),
        ("k3", "b", "early"),
    ]
    counts = made["card"]["counts"]
    assert (counts["conflicts"], counts["disputed"], counts["right"]) == (2, 1, 2)
    assert [each["counted"] for each in made["card"]["queues"]] == [1, 3]
    alone = export(api, dataset, queue_ids=[early])
    assert [row["key"] for row in lines(api, alone)] == ["k0", "k1", "k3"]
    assert alone["card"]["counts"]["conflicts"] == 0


def test_adjudicators_and_batches_are_named(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(9)))
    dataset = register(api, path, "csv")
    queue = queue_of(api, dataset, overlap=2)
    people = [Person(api), Person(api)]
    for person, label in zip(people, ("a", "b"), strict=True):
        decide(person, queue, {0: label if label == "b" else "right", 2: "b"}, comment="so")
    lead = Person(api, "engineer")
    lead.decide(queue, 0, "relabel", label="b", comment="settled", adjudicate=True)
    body = {"selection": {"given": "b"}, "verdict": {"kind": "unusable"}, "comment": "noise"}
    answer = lead.client.post(f"/api/v1/projects/lab/queues/{queue}/batches", json=body)
    assert answer.status_code == 201, answer.text
    rows = {row["key"]: row for row in lines(api, export(api, dataset))}
    told = {key: (row["decided_by"], row["who"], row["why"]) for key, row in rows.items()}
    assert told["k0"] == ("adjudication", "test", "settled")
    assert told["k2"] == ("consensus", "test; test", "so; so")
    assert told["k1"] == ("batch", "test", "noise")


def test_the_store_keeps_what_counts_and_nothing_else(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(9)))
    dataset = register(api, path, "csv")
    review(api, dataset, {0: "b"})
    done = export(api, dataset)
    waiting = ask(api, dataset)
    store = ArtifactStore(settings().artifacts)
    dead = store.write_bytes(f"exports/{waiting}/00000-part0-{new_id().hex}.part", b"half")
    path.write_text("id,text,label\n")
    failed = ask(api, dataset, "dataset")
    make(failed)
    assert get(api, f"/exports/{failed}")["status"] == "failed"
    kept = store.files(f"exports/{done['id']}")
    assert store.files(f"exports/{failed}") != []
    orphans = OrphanSweep(safe_age_s=-1)
    for _ in range(20):
        orphans.step()
    assert not store.exists(dead)
    assert store.files(f"exports/{failed}") == []
    assert store.files(f"exports/{done['id']}") == kept != []


def test_the_sweep_finds_what_was_forgotten_and_ends_what_kills_workers(
    api: TestClient, data_dir: Path
) -> None:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(9)))
    dataset = register(api, path, "csv")
    review(api, dataset, {0: "b"})
    made = ask(api, dataset)
    with nudges.sender().connection_for_write() as connection:
        connection.default_channel.client.flushdb()
    sql("UPDATE exports SET nudged_at = NULL")
    sweep()
    assert nudges.waiting_in(nudges.CPU_QUEUE) == 1
    sql("UPDATE exports SET attempts = 3")
    sweep()
    failure = get(api, f"/exports/{made}")["failure"]
    assert failure["title"] == "Workers died"
    assert "new export" in failure["remedy"]
