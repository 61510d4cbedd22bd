from __future__ import annotations

from pathlib import Path

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
    key = make_key("lab", role="admin")
    world = World(key, application.openapi())
    api.event_hooks["request"] = [world.note]
    dataset = make_dataset(api, data_dir, 60)
    run = make_run(api, data_dir, dataset)
    scan = post(api, "/scans", {"run_id": run["id"], "evidence": True})
    run_scan(scan["id"])
    made = estimate(api, run)
    new_inputs = {"inputs": [{"row": [0.0, 1.0, 2.0, 3.0], "label": "1"}], "k": 2}
    for role in ("reviewer", "engineer"):
        make_person("lab", role)
    api.headers.update(world.headers)
    post(api, f"/scans/{scan['id']}/evidence/inputs", new_inputs, status=202)
    post(api, "/keys", {"name": "nightly", "role": "viewer", "read_only": True, "days": 9})
    post(api, "/invitations", {"role": "viewer", "email": "ada@example.com", "days": 9})
    api.event_hooks["request"] = []
    world.never_name(get(api, "/me")["principal_id"])
    world.know("project", "lab")
    world.know("dataset_id", dataset["id"])
    world.know("run_id", run["id"])
    world.know("scan_id", scan["id"])
    world.know("estimate_id", made["id"])
    world.know("position", 0, 7)
    world.know("key", "point-00007")
    for name in ("label", "predicted", "suggested"):
        world.know(name, "0", "2")
    world.know("uri", dataset["uri"], str(next(data_dir.glob("*.safetensors"))))
    return world
