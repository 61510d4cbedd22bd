"""What tests of several rooms share: keys, small data sets, and steps through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import torch
from fastapi.testclient import TestClient
from safetensors.torch import save_file

LAB = "/api/v1/projects/lab"


def make_key(project: str, role: str = "engineer") -> str:
    from app.access import keys
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        return keys.create_key(db, ensure_project(db, project), name="test", role=Role(role))


def make_person(
    project: str,
    role: str = "reviewer",
    *,
    name: str = "Ada",
    email: str | None = None,
    password: str | None = None,
) -> UUID:
    """A person with a role in a project; returns their principal's id."""
    from app.access import passwords, people
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        hashed = passwords.hash_password(password) if password else None
        person = people.add_person(db, name=name, email=email, password_hash=hashed)
        people.add_to_project(db, person.id, ensure_project(db, project).id, Role(role))
        return person.id


def make_group(project: str, *people: UUID, name: str = "night shift") -> UUID:
    """A group of people of a project, made by the first of them; returns its id."""
    from app.access.models import Group, GroupMember
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        project_id = ensure_project(db, project).id
        group = Group(project_id=project_id, name=name, created_by=people[0])
        db.add(group)
        db.flush()
        db.add_all(
            GroupMember(group_id=group.id, person_id=person, project_id=project_id)
            for person in people
        )
        return group.id


def begin_session(principal_id: UUID, project: str = "lab") -> str:
    """The value of a fresh session's cookie."""
    from app.access import sessions
    from app.access.models import SignInMethod
    from app.access.visitor import Visitor
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        project_id = ensure_project(db, project).id
        return sessions.begin_session(db, principal_id, project_id, SignInMethod.link, Visitor())


def blobs(n: int = 200, *, features: int = 4, classes: int = 3, seed: int = 0) -> dict[str, Any]:
    """Points around one centre for each class, with string keys: arrays for an `.npz`."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, features)) * 3
    labels = rng.integers(0, classes, n)
    points = (centres[labels] + rng.normal(size=(n, features))).astype(np.float32)
    keys = np.array([f"point-{i:05}" for i in range(n)])
    return {"x": points, "y": labels, "id": keys}


def save_blobs(folder: Path, n: int = 200, **kwargs: Any) -> Path:
    path = folder / "blobs.npz"
    np.savez(path, **blobs(n, **kwargs))
    return path


def blobs_body(path: Path, **changes: Any) -> dict[str, Any]:
    """A valid registration of `save_blobs`."""
    body = {
        "name": "blobs",
        "version": "1",
        "uri": str(path),
        "format": "npz",
        "task": "classification",
        "columns": {"input": "x", "label": "y", "key": "id"},
    }
    return body | changes


def linear_weights(
    *, in_features: int = 4, outputs: int = 3, seed: int = 0, scale: float = 0.5
) -> dict[str, torch.Tensor]:
    """A state dict of the built-in `linear` model."""
    from workers.models import build_model

    torch.manual_seed(seed)
    model = build_model(linear_spec(in_features, outputs))
    return {name: torch.randn_like(t) * scale for name, t in model.state_dict().items()}


def linear_spec(in_features: int = 4, outputs: int = 3) -> dict[str, Any]:
    return {"name": "linear", "args": {"in_features": in_features, "classes": outputs}}


def save_weights(path: Path, **kwargs: Any) -> Path:
    save_file(linear_weights(**kwargs), path)
    return path


def index(dataset_id: str) -> None:
    """What a worker does with a registered dataset."""
    from workers.data.jobs import run_indexing

    run_indexing(UUID(dataset_id))


def check(checkpoint_id: str) -> None:
    from workers.models.jobs import run_check

    run_check(UUID(checkpoint_id))


def plan(scan_id: str) -> None:
    from workers.scanning.plan import run_planning

    run_planning(UUID(scan_id))


def score_all(scan_id: str) -> None:
    """What workers do until no shard is left, and then once."""
    from workers.scanning.finalise import run_finalising
    from workers.scanning.shards import run_next_shard

    while shard_statuses(scan_id).get("pending"):
        run_next_shard(UUID(scan_id))
    run_finalising(UUID(scan_id))


def run_scan(scan_id: str) -> None:
    plan(scan_id)
    score_all(scan_id)


def shard_statuses(scan_id: str) -> dict[str, int]:
    """Number of shards by status, of a running scan only."""
    from sqlalchemy import text

    from app.db import reading

    with reading() as db:
        rows = db.execute(
            text(
                "SELECT shard.status, count(*) FROM scan_shards shard"
                " JOIN scans ON scans.id = shard.scan_id"
                " WHERE scan_id = :scan AND scans.status = 'running' GROUP BY shard.status"
            ),
            {"scan": scan_id},
        )
        return {row[0]: row[1] for row in rows}


def post(api: TestClient, path: str, body: dict[str, Any] | None = None, status: int = 201) -> Any:
    """POST below the project `lab`; the JSON of the answer, whose status is as expected."""
    answer = api.post(LAB + path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def get(api: TestClient, path: str, **params: Any) -> Any:
    answer = api.get(LAB + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def make_dataset(api: TestClient, folder: Path, n: int = 200, **changes: Any) -> dict[str, Any]:
    """A registered and indexed dataset of blobs."""
    made = post(api, "/datasets", blobs_body(save_blobs(folder, n), **changes))
    index(made["id"])
    ready: dict[str, Any] = get(api, f"/datasets/{made['id']}")
    assert ready["status"] == "ready", ready["failure"]
    return ready


def make_run(
    api: TestClient, folder: Path, dataset: dict[str, Any], checkpoints: int = 2
) -> dict[str, Any]:
    """A training run of the linear model, with checkpoints at steps 10, 20, …"""
    run: dict[str, Any] = post(
        api, "/runs", {"name": "linear", "dataset_id": dataset["id"], "model": linear_spec()}
    )
    for number in range(checkpoints):
        path = save_weights(folder / f"{run['id']}-{number}.safetensors", seed=number)
        body = {"uri": str(path), "step": 10 * (number + 1), "eta": 0.1 / (number + 1)}
        post(api, f"/runs/{run['id']}/checkpoints", body)
    return run


def make_scan(
    api: TestClient, folder: Path, n: int = 200, *, checkpoints: int = 2, **body: Any
) -> dict[str, Any]:
    """A queued scan of blobs with the linear model."""
    run = make_run(api, folder, make_dataset(api, folder, n), checkpoints)
    scan: dict[str, Any] = post(api, "/scans", {"run_id": run["id"]} | body)
    return scan


def work_on_estimate(estimate_id: str) -> None:
    from workers.scanning.estimate import run_estimate

    run_estimate(UUID(estimate_id))


def estimate(api: TestClient, run: dict[str, Any], **body: Any) -> dict[str, Any]:
    """An estimate of a scan, after a worker has had it."""
    asked = post(api, "/scans/estimates", {"run_id": run["id"]} | body, status=202)
    work_on_estimate(asked["id"])
    found: dict[str, Any] = get(api, f"/scans/estimates/{asked['id']}")
    return found
