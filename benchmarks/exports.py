"""Exports beside a bare COPY of the same rows out of Postgres, in the same run.

    python -m benchmarks.exports [--sizes 100000 1000000]

A patch has a row for every example of a made-up data set, all of it found wrong by one person; its
bare COPY is that of the query which gathers who decided what, when and why. In a corrected data set
one example in twenty is relabelled; its bare COPY is that of a table with the source's columns.
Both go to a file. Each is timed from beginning to end, and again the other way round; the exports'
time includes the checksum, and the fingerprint that registering gives. Memory is the peak of what
the job holds besides pages of files, in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from sqlalchemy import text

from benchmarks.memory import Peak
from cleantrace.standalone import PostgresServer

PROJECT = "bench"
ROUNDS = 3
CLASSES = ("ant", "bee", "cat", "dog", "eel")


@contextmanager
def served() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name, PostgresServer.temporary() as server:
        folder = Path(name)
        (folder / "data").mkdir()
        os.environ |= {
            "DATABASE_URL": server.url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "CLEANTRACE_ARTIFACTS": str(folder / "artifacts"),
            "CLEANTRACE_ALLOWED_ROOTS": str(folder / "data"),
            "CLEANTRACE_EVIDENCE_KEYS": "a-benchmark-only-and-as-long-as-it-has-to-be",
        }
        from app.settings import settings
        from migrations.__main__ import migrate

        migrate(settings().database_url)
        yield folder


def save(folder: Path, n: int, kind: str) -> Path:
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {"id": [f"key-{i}" for i in range(n)]}
    columns |= {f"x{i}": rng.normal(size=n).astype(np.float32) for i in range(4)}
    columns["text"] = [f"what somebody wrote about example {i}" for i in range(n)]
    columns["label"] = np.array(CLASSES)[np.arange(n) % 5]
    path = folder / "data" / f"{n}.{kind}"
    if kind == "npz":
        arrays: dict[str, Any] = {name: np.asarray(each) for name, each in columns.items()}
        np.savez(path, **arrays)
    elif kind == "csv":
        csv.write_csv(pa.table(columns), path)
    else:
        parquet.write_table(pa.table(columns), path, row_group_size=65_536)
    return path


def register(path: Path, kind: str) -> UUID:
    from app.access.keys import caller_of, create_key, require_key
    from app.access.models import Role
    from app.datasets.schemas import DatasetIn
    from app.datasets.service import register_dataset
    from app.db import transaction
    from app.projects.service import ensure_project
    from workers.data.jobs import run_indexing

    columns = {"input": ["x0", "x1", "x2", "x3"], "label": "label", "key": "id"}
    with transaction() as db:
        key = create_key(db, ensure_project(db, PROJECT), name="b", role=Role.engineer)
        caller = caller_of(require_key(db, key))
        body: dict[str, Any] = {"name": path.name, "version": "1", "uri": str(path), "format": kind}
        body |= {"task": "classification", "columns": columns, "classes": list(CLASSES)}
        dataset_id = register_dataset(db, caller, DatasetIn.model_validate(body)).id
    run_indexing(dataset_id)
    return dataset_id


def review(dataset_id: UUID, n: int, *, every: int) -> None:
    """One example in so many relabelled, each by a verdict of its own."""
    from app.db import transaction
    from benchmarks.review_world import add_scan

    scan_id = add_scan(dataset_id, n)
    with transaction() as db:
        db.execute(_QUEUE, {"dataset": dataset_id, "scan": scan_id, "n": n // every})
        for statement in (_DESK, _ITEMS, _VERDICTS, _VOTES):
            db.execute(statement, {"dataset": dataset_id, "every": every})
    vacuum()


def vacuum() -> None:
    from app.db import engine

    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("review_items", "review_verdicts", "review_votes", "principals"):
            connection.execute(text(f"VACUUM ANALYZE {table}"))


_QUEUE = text("""
    INSERT INTO review_queues (id, project_id, dataset_id, scan_id, order_scan_id, name, policy,
        order_by, overlap, claim_ttl_s, show_suggestion, tolerance, is_assigned, epoch, item_count,
        created_at, created_by)
    SELECT gen_random_uuid(), project_id, :dataset, :scan, :scan, CAST(:dataset AS text), '{}',
        'suspicion', 1, 600, true, 0, false, 0, :n, now(), (SELECT id FROM principals LIMIT 1)
    FROM datasets WHERE id = :dataset
""")
_DESK = text("""
    INSERT INTO review_desks (queue_id, principal_id, base, since, pending, pending_at, epoch)
    SELECT id, created_by, 0, now(), 0, now(), 0 FROM review_queues WHERE dataset_id = :dataset
""")
_ITEMS = text("""
    INSERT INTO review_items (queue_id, position, place, given_label, seats, votes, state,
        settled_by, outcome, outcome_label)
    SELECT queue.id, position, position + 1, given_label, 0, 1, 'done', 'consensus', 'relabel',
        (given_label + 1) % 5
    FROM examples JOIN review_queues queue USING (dataset_id)
    WHERE dataset_id = :dataset AND position % :every = 0
""")
_VERDICTS = text("""
    INSERT INTO review_verdicts (queue_id, principal_id, position, kind, label, comment, seconds,
        at, token, item_state)
    SELECT queue.id, queue.created_by, item.position, 'relabel', item.outcome_label,
        CASE WHEN item.position % 4 = 0 THEN 'looks like the next one, "clearly"' END, 2.5,
        now() + item.position * interval '1 ms', gen_random_uuid(), 'done'
    FROM review_items item JOIN review_queues queue ON queue.id = item.queue_id
    WHERE queue.dataset_id = :dataset
""")
_VOTES = text("""
    INSERT INTO review_votes (queue_id, position, principal_id, verdict_id, kind, label)
    SELECT verdict.queue_id, verdict.position, verdict.principal_id, verdict.id, verdict.kind,
        verdict.label
    FROM review_verdicts verdict JOIN review_queues queue ON queue.id = verdict.queue_id
    WHERE queue.dataset_id = :dataset
""")


def ask(dataset_id: UUID, kind: str, patch_format: str | None) -> UUID:
    from app.datasets import queries as datasets
    from app.db import new_id, now, transaction
    from app.exports.models import Export
    from app.reviews.decision_queries import queues_of
    from app.scans.service import latest_scan

    with transaction() as db:
        dataset = datasets.dataset_by_id(db, dataset_id)
        assert dataset is not None
        request: dict[str, Any] = {
            "kind": kind,
            "format": patch_format,
            "register_as": None,
            "scan_id": None,
        }
        if kind == "evidence":
            scan = latest_scan(db, dataset, complete=True)
            assert scan is not None
            request["scan_id"] = str(scan.id)
        queues = [str(queue.id) for queue in queues_of(db, dataset_id)]
        export = Export(
            id=new_id(),
            project_id=dataset.project_id,
            dataset_id=dataset_id,
            kind=kind,
            request=request | {"queue_ids": queues},
            created_by="benchmark",
            nudged_at=now(),
        )
        db.add(export)
        return export.id


def make(dataset_id: UUID, kind: str, patch_format: str | None) -> None:
    from app.db import reading
    from app.exports.models import Export
    from workers.exports.jobs import run_export

    export_id = ask(dataset_id, kind, patch_format)
    run_export(export_id)
    with reading() as db:
        found = db.get(Export, export_id)
        assert found is not None
        assert found.status == "done", found.failure


def copy_decisions(dataset_id: UUID, path: Path) -> None:
    from app.db import reading
    from app.reviews.decision_queries import copy_decisions, queues_of

    with reading() as db, path.open("wb") as file:
        for chunk in copy_decisions(db, [queue.id for queue in queues_of(db, dataset_id)]):
            file.write(chunk)


def copy_source(table: str, path: Path) -> None:
    from app.db import copy_out, reading

    with reading() as db, path.open("wb") as file:
        for chunk in copy_out(db, f"SELECT * FROM {table}", {}):
            file.write(chunk)


def load(path: Path, table: str) -> None:
    """The source as a table of Postgres, for the bare COPY."""
    from app.db import copy_csv, engine, transaction

    columns = ("id", "x0", "x1", "x2", "x3", "text", "label")
    kinds = ["text", *["real"] * 4, "text", "text"]
    typed = ", ".join(f"{name} {kind}" for name, kind in zip(columns, kinds, strict=True))
    with transaction() as db:
        db.execute(text(f"CREATE TABLE {table} ({typed})"))
        with path.open("rb") as file:
            next(file)
            copy_csv(db, table, columns, iter(lambda: file.read(1 << 20), b""))
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM ANALYZE {table}"))


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(what: str, n: int, ours: Callable[[], None], bare: Callable[[], None]) -> None:
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(ROUNDS):
        order = [("ours", ours), ("bare", bare)]
        for name, work in order if number % 2 else reversed(order):
            seconds[name].append(timed(work))
    mine, theirs = (statistics.median(seconds[name]) for name in ("ours", "bare"))
    print(f"| {n:,} | {what} | {theirs:.2f} | {mine:.2f} | {theirs / mine:.2f} |", flush=True)


def peak_mb(*what: Any) -> float:
    """Peak of the memory of a process that makes an export which is not pages of files."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measured, args=(there, *what))
    process.start()
    found: float = here.recv()
    process.join()
    return found


def _measured(answer: Connection, *what: Any) -> None:
    with Peak(os.getpid()) as peak:
        make(*what)
    answer.send(peak.anonymous_mb)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    memory = []
    with served() as folder:
        out = folder / "bare"
        print("| rows | what | bare COPY, s | export, s | speed of the bare COPY's |")
        print("|---|---|---|---|---|")
        for n in options.sizes:
            datasets = {kind: register(save(folder, n, kind), kind) for kind in ("csv", "parquet")}
            for dataset_id in datasets.values():
                review(dataset_id, n, every=20)
            all_wrong = register(save(folder, n, "npz"), "npz")
            review(all_wrong, n, every=1)
            load(folder / "data" / f"{n}.csv", f"source_{n}")
            for patch_format in ("jsonl", "csv", "parquet"):
                compare(
                    f"patch, {patch_format}",
                    n,
                    lambda: make(all_wrong, "patch", patch_format),  # noqa: B023
                    lambda: copy_decisions(all_wrong, out),  # noqa: B023
                )
            for kind, dataset_id in datasets.items():
                compare(
                    f"corrected, {kind}",
                    n,
                    lambda: make(dataset_id, "dataset", None),  # noqa: B023
                    lambda: copy_source(f"source_{n}", out),  # noqa: B023
                )
            for name, *what in (
                ("patch, jsonl", all_wrong, "patch", "jsonl"),
                ("corrected, csv", datasets["csv"], "dataset", None),
                ("corrected, parquet", datasets["parquet"], "dataset", None),
                ("evidence", all_wrong, "evidence", None),
            ):
                memory.append(f"| {n:,} | {name} | {peak_mb(*what):.0f} |")
    print("\n| rows | what | memory, MB |\n|---|---|---|")
    print("\n".join(memory))


if __name__ == "__main__":
    main()
