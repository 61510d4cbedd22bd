"""Training runs and checkpoints, through the API, with the check called by hand."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from fastapi.testclient import TestClient
from safetensors.torch import save_file

from tests.support import (
    LAB,
    check,
    get,
    linear_spec,
    linear_weights,
    make_dataset,
    post,
    save_weights,
)


@pytest.fixture
def run(api: TestClient, data_dir: Path) -> dict[str, Any]:
    dataset = make_dataset(api, data_dir)
    body = {"name": "linear", "dataset_id": dataset["id"], "model": linear_spec()}
    made: dict[str, Any] = post(api, "/runs", body)
    return made


def checked(api: TestClient, run: dict[str, Any], path: Path, **more: Any) -> dict[str, Any]:
    """A registered checkpoint after its check."""
    body = {"uri": str(path), "step": 1, "eta": 0.1} | more
    made = post(api, f"/runs/{run['id']}/checkpoints", body)
    check(made["id"])
    found = get(api, f"/runs/{run['id']}/checkpoints")
    return next(each for each in found if each["id"] == made["id"])


def test_the_loss_follows_from_the_task(run: dict[str, Any]) -> None:
    assert run["loss"] == "cross_entropy"


def test_a_good_checkpoint_is_ready_with_its_hash(
    api: TestClient, run: dict[str, Any], data_dir: Path
) -> None:
    path = save_weights(data_dir / "w.safetensors")
    checkpoint = checked(api, run, path)
    assert checkpoint["status"] == "ready"
    assert checkpoint["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_pt_file_of_plain_tensors_is_taken(
    api: TestClient, run: dict[str, Any], data_dir: Path
) -> None:
    torch.save(linear_weights(), data_dir / "w.pt")
    assert checked(api, run, data_dir / "w.pt")["status"] == "ready"


def test_checkpoints_are_listed_in_the_order_of_steps(
    api: TestClient, run: dict[str, Any], data_dir: Path
) -> None:
    path = save_weights(data_dir / "w.safetensors")
    for step in (30, 10, 20):
        post(api, f"/runs/{run['id']}/checkpoints", {"uri": str(path), "step": step, "eta": 0.1})
    steps = [each["step"] for each in get(api, f"/runs/{run['id']}/checkpoints")]
    assert steps == [10, 20, 30]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"eta": None}, "eta"),
        ({"eta": -0.1}, "eta"),
        ({"eta": "NaN"}, "eta"),
        ({"step": -1}, "step"),
        ({"sha256": "abc"}, "sha256"),
        ({"uri": "/etc/passwd"}, "uri"),
        ({"lr": 0.1}, "lr"),
    ],
)
def test_a_malformed_checkpoint_names_the_field(
    api: TestClient, run: dict[str, Any], data_dir: Path, change: dict[str, Any], field: str
) -> None:
    path = save_weights(data_dir / "w.safetensors")
    body = {"uri": str(path), "step": 1, "eta": 0.1} | change
    body = {name: value for name, value in body.items() if value is not None}
    answer = api.post(f"{LAB}/runs/{run['id']}/checkpoints", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert get(api, f"/runs/{run['id']}/checkpoints") == []


def test_a_step_has_one_checkpoint(api: TestClient, run: dict[str, Any], data_dir: Path) -> None:
    path = save_weights(data_dir / "w.safetensors")
    body = {"uri": str(path), "step": 1, "eta": 0.1}
    post(api, f"/runs/{run['id']}/checkpoints", body)
    again = post(api, f"/runs/{run['id']}/checkpoints", body, status=409)
    assert again["errors"][0]["field"] == "step"


def test_weights_that_do_not_fit_name_what_is_missing_and_unexpected(
    api: TestClient, run: dict[str, Any], data_dir: Path
) -> None:
    state = linear_weights()
    name = next(iter(state))
    state["surplus.weight"] = state.pop(name)
    save_file(state, data_dir / "w.safetensors")
    failure = checked(api, run, data_dir / "w.safetensors")["failure"]
    assert name in failure["detail"]
    assert "surplus.weight" in failure["detail"]
    assert failure["remedy"]


def test_weights_of_another_shape_are_refused(
    api: TestClient, run: dict[str, Any], data_dir: Path
) -> None:
    checkpoint = checked(api, run, save_weights(data_dir / "w.safetensors", in_features=5))
    assert checkpoint["status"] == "failed"
    assert "5" in checkpoint["failure"]["detail"]


def test_a_truncated_file_is_refused(api: TestClient, run: dict[str, Any], data_dir: Path) -> None:
    whole = save_weights(data_dir / "w.safetensors").read_bytes()
    (data_dir / "w.safetensors").write_bytes(whole[:-10])
    checkpoint = checked(api, run, data_dir / "w.safetensors")
    assert checkpoint["status"] == "failed"
    assert checkpoint["failure"]["remedy"]


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "w.bin"])
@pytest.mark.parametrize("wrapping", ["torch", "bare"])
def test_a_pickle_payload_is_refused_and_nothing_in_it_runs(
    api: TestClient, run: dict[str, Any], data_dir: Path, name: str, wrapping: str
) -> None:
    mark = data_dir / "executed"

    class Payload:
        def __reduce__(self) -> Any:
            return (open, (str(mark), "w"))

    if wrapping == "torch":
        torch.save({"weight": Payload()}, data_dir / name)
    else:
        (data_dir / name).write_bytes(pickle.dumps({"weight": Payload()}))
    checkpoint = checked(api, run, data_dir / name)
    assert checkpoint["status"] == "failed"
    assert checkpoint["failure"]["remedy"]
    assert not mark.exists()


def test_another_file_than_announced_is_refused(
    api: TestClient, run: dict[str, Any], data_dir: Path
) -> None:
    path = save_weights(data_dir / "w.safetensors")
    checkpoint = checked(api, run, path, sha256="0" * 64)
    assert checkpoint["status"] == "failed"
    assert checkpoint["failure"]["errors"][0]["field"] == "sha256"


def test_a_mended_checkpoint_can_be_retried(
    api: TestClient, run: dict[str, Any], data_dir: Path
) -> None:
    path = data_dir / "w.safetensors"
    path.write_bytes(b"nothing")
    checkpoint = checked(api, run, path)
    save_weights(path)
    retry = f"/runs/{run['id']}/checkpoints/{checkpoint['id']}/retry"
    assert post(api, retry, status=200)["status"] == "registered"
    check(checkpoint["id"])
    assert get(api, f"/runs/{run['id']}/checkpoints")[0]["status"] == "ready"
    assert post(api, retry, status=409)["remedy"]


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"model": {"name": "resnet1000"}}, 422, "model.name"),
        ({"model": {"name": "linear", "args": {}, "code": "x"}}, 422, "model.code"),
        ({"loss": "squared_error"}, 422, "loss"),
        ({"dataset_id": str(uuid4())}, 404, "dataset_id"),
        ({"preprocessing": {"scales": 1}}, 422, "preprocessing.scales"),
    ],
)
def test_a_malformed_run_names_the_field(
    api: TestClient, run: dict[str, Any], change: dict[str, Any], status: int, field: str
) -> None:
    body = {"name": "r", "dataset_id": run["dataset_id"], "model": linear_spec()} | change
    problem = post(api, "/runs", body, status=status)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert problem["errors"][0]["remedy"]
    assert [item["id"] for item in get(api, "/runs")["items"]] == [run["id"]]


def test_the_names_that_the_api_knows_are_those_that_workers_build() -> None:
    from app.runs.architectures import BUILT_IN
    from workers.models import available_models

    assert set(BUILT_IN) == set(available_models())
