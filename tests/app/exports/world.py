"""Steps that tests of exports share: a data set that people have reviewed, and its exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fastapi.testclient import TestClient

from benchmarks.review_world import add_scan
from tests.app.reviews.world import Person
from tests.support import LAB, get, index, post


def register(api: TestClient, path: Path, kind: str, **changes: Any) -> dict[str, Any]:
    """A registered and indexed data set; the body's columns are those of `source`."""
    body = {
        "name": str(uuid4()),
        "version": "1",
        "uri": str(path),
        "format": kind,
        "task": "classification",
        "columns": {"input": "text", "label": "label", "key": "id"},
    }
    made = post(api, "/datasets", body | changes)
    return ready(api, made["id"])


def ready(api: TestClient, dataset_id: str) -> dict[str, Any]:
    index(dataset_id)
    found: dict[str, Any] = get(api, f"/datasets/{dataset_id}")
    assert found["status"] == "ready", found["failure"]
    return found


def queue_of(api: TestClient, dataset: dict[str, Any], **body: Any) -> str:
    """A queue of all examples."""
    scan_id = add_scan(UUID(dataset["id"]), dataset["example_count"])
    asked = {"name": str(uuid4()), "scan_id": str(scan_id), "policy": {"kind": "filter"}}
    return str(post(api, "/queues", asked | body)["id"])


def review(api: TestClient, dataset: dict[str, Any], decided: dict[int, Any], **body: Any) -> str:
    """A queue in which one person decided examples: a class, a number, or another verdict."""
    queue = queue_of(api, dataset, **body)
    decide(Person(api), queue, decided)
    return queue


def decide(person: Person, queue: str, decided: dict[int, Any], **body: Any) -> None:
    for position, what in decided.items():
        if isinstance(what, float):
            person.decide(queue, position, "relabel", value=what, **body)
        elif what in ("right", "unusable", "unsure"):
            person.decide(queue, position, what, **body)
        else:
            person.decide(queue, position, "relabel", label=what, **body)


def ask(api: TestClient, dataset: dict[str, Any], kind: str = "patch", **body: Any) -> str:
    if kind == "patch":
        body.setdefault("format", "jsonl")
    asked = {"dataset_id": dataset["id"], "kind": kind} | body
    return str(post(api, "/exports", asked, status=202)["id"])


def make(export_id: str, **options: Any) -> None:
    """What a worker does with it."""
    from workers.exports.jobs import run_export

    run_export(UUID(export_id), **options)


def export(
    api: TestClient, dataset: dict[str, Any], kind: str = "patch", **body: Any
) -> dict[str, Any]:
    made = ask(api, dataset, kind, **body)
    make(made)
    found: dict[str, Any] = get(api, f"/exports/{made}")
    assert found["status"] == "done", found["failure"]
    return found


def content(api: TestClient, made: dict[str, Any], number: int = 0) -> bytes:
    answer = api.get(f"{LAB}/exports/{made['id']}/files/{number}")
    assert answer.status_code == 200, answer.text
    return answer.content


def lines(api: TestClient, made: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content(api, made).splitlines()]
