from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.app.world import World
from tests.support import (
    estimate,
    get,
    make_dataset,
    make_key,
    make_person,
    make_run,
    post,
    run_scan,
)


@pytest.fixture
def world(api: TestClient, application: FastAPI, data_dir: Path) -> World:
    world = World(make_key("lab", role="admin"), application.openapi())
    world.know("project", "lab")
    world.know("position", 0, 7)
    world.know("number", 0)
    world.know("key", "point-00007")
    for name in ("label", "predicted", "suggested", "given"):
        world.know(name, "0", "2")
    people = [str(make_person("lab", role)) for role in ("reviewer", "engineer")]
    api.headers.update(world.headers)
    world.never_name(get(api, "/me")["principal_id"])
    api.event_hooks["response"] = [world.note]
    dataset = make_dataset(api, data_dir, 60)
    run = make_run(api, data_dir, dataset)
    world.know("uri", dataset["uri"], str(next(data_dir.glob("*.safetensors"))))
    scan = post(api, "/scans", {"run_id": run["id"], "evidence": True})
    run_scan(scan["id"])
    world.know("with", scan["id"])
    world.know("since", dataset["id"])
    estimate(api, run)
    new_inputs = {"inputs": [{"row": [0.0, 1.0, 2.0, 3.0], "label": "1"}], "k": 2}
    post(api, f"/scans/{scan['id']}/evidence/inputs", new_inputs, status=202)
    group = post(api, "/groups", {"name": "night shift", "people": people})
    review(api, scan, group)
    policy = {"name": "release", "rules": [{"rule": "flags", "at_most": 9}]}
    post(api, "/gates", {"policy": policy})
    post(api, "/gate-evaluations", {"policy": policy, "scan_id": scan["id"]})
    export(api, dataset)
    post(api, "/keys", {"name": "nightly", "role": "viewer", "read_only": True, "days": 9})
    post(api, "/invitations", {"role": "viewer", "email": "ada@example.com", "days": 9})
    post(api, "/webhooks", {"url": "https://example.com/hook"})
    post(api, "/uploads", {"name": "more.npz", "size": 9, "sha256": "0" * 64})
    get(api, "/people")
    api.event_hooks["response"] = []
    return world


def review(api: TestClient, scan: dict[str, Any], group: dict[str, Any]) -> None:
    asked = {"name": "all", "scan_id": scan["id"], "policy": {"kind": "filter"}, "overlap": 2}
    asked |= {"adjudicator_groups": [group["id"]]}
    queue = f"/queues/{post(api, '/queues', asked)['id']}"
    post(api, f"{queue}/next?n=3", status=200)
    verdict = {"kind": "relabel", "label": "1", "token": str(uuid4())}
    post(api, f"{queue}/items/7/verdicts", verdict)
    selection = {"selection": {"given": "2"}}
    post(api, f"{queue}/samples", selection | {"k": 2})
    post(api, f"{queue}/batches", selection | {"verdict": {"kind": "unusable"}})
    post(api, f"{queue}/undo", {"steps": 1, "token": str(uuid4())}, status=200)
    said = {"key": "point-00009", "annotator": "ada", "kind": "unusable"}
    brought = {"tool": "label-studio", "annotations": [said]}
    post(api, f"{queue}/imports/preview", brought, status=200)
    post(api, f"{queue}/imports", brought)


def export(api: TestClient, dataset: dict[str, Any]) -> None:
    from workers.exports.jobs import run_export

    asked = {"dataset_id": dataset["id"], "kind": "patch", "format": "csv"}
    made = post(api, "/exports", asked, status=202)
    run_export(UUID(made["id"]))
    assert get(api, f"/exports/{made['id']}")["status"] == "done"
