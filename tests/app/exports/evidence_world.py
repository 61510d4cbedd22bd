"""A data set with everything in it that an evidence pack tells of, and packs of it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from fastapi.testclient import TestClient
from pyarrow import parquet

from tests.app.exports.world import content, decide, export
from tests.app.reviews import mixed
from tests.app.reviews.world import Person
from tests.support import make_dataset, make_run, post, run_scan

POLICY = {"name": "release", "rules": [{"rule": "flags", "at_most": 9}]}


def scanned(api: TestClient, data_dir: Path, n: int = 200, **changes: Any) -> dict[str, Any]:
    """A dataset, and a complete scan of it."""
    dataset = make_dataset(api, data_dir, n, **changes)
    scan = post(api, "/scans", {"run_id": make_run(api, data_dir, dataset)["id"]})
    run_scan(scan["id"])
    return {"dataset": dataset, "scan": scan}


def reviewed(api: TestClient, made: dict[str, Any], audits: int = 40) -> dict[str, Any]:
    """The same after a review with audits, an undone verdict, a dispute and a gate."""
    scan = made["scan"]["id"]
    queue = mixed.queue_of(api, scan, policy={"kind": "top_k", "k": 20}, audits=audits)
    ada = Person(api)
    for turn in range(audits // 2 + 20):
        item = ada.next(queue)
        if item is None:
            break
        kind = ("unusable", "right", "right", "relabel", "unsure")[turn % 5]
        label = "0" if item["given_label"] != "0" else "1"
        ada.decide(
            queue,
            item["position"],
            kind,
            label=label if kind == "relabel" else None,
            comment=f"turn {turn}",
        )
    ada.undo(queue, 1)
    ada.next(queue)
    plain = mixed.queue_of(api, scan, policy={"kind": "top_k", "k": 4}, name="plain")
    decide(Person(api), plain, {p["position"]: "right" for p in _items(api, plain)[:2]})
    post(api, "/gate-evaluations", {"policy": POLICY, "scan_id": scan})
    return made | {"queue": queue, "plain": plain}


def _items(api: TestClient, queue: str) -> list[dict[str, Any]]:
    from tests.support import get

    found: list[dict[str, Any]] = get(api, f"/queues/{queue}/items")["items"]
    return found


def pack(api: TestClient, dataset: dict[str, Any], **body: Any) -> tuple[dict[str, Any], bytes]:
    made = export(api, dataset, "evidence", **body)
    assert len(made["files"]) == 1
    return made, content(api, made)


def files_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def table_of(files: dict[str, bytes], name: str) -> pa.Table:
    return parquet.read_table(io.BytesIO(files[name]))


def json_of(files: dict[str, bytes], name: str) -> Any:
    return json.loads(files[name])


def public_keys(api: TestClient) -> list[dict[str, Any]]:
    answer = api.get("/api/v1/signing-keys", headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found
