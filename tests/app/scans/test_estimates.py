"""Estimates through the API: asking, refusing, looking."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db import reading, transaction
from tests.support import LAB, estimate, get, make_dataset, make_key, make_run, post


@pytest.fixture
def run(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return make_run(api, data_dir, make_dataset(api, data_dir), 2)


def test_an_estimate_is_asked_for_and_looked_at(api: TestClient, run: dict[str, Any]) -> None:
    body = {"run_id": run["id"], "layers": "last", "policy": {"kind": "top_k", "k": 5}}
    asked = post(api, "/scans/estimates", body, status=202)
    assert asked["status"] == "queued"
    assert asked["result"] is None
    assert asked["run_id"] == run["id"]
    assert asked["request"].items() >= body.items()
    assert get(api, f"/scans/estimates/{asked['id']}") == asked
    assert get(api, "/scans")["items"] == []


def test_its_request_with_a_choices_changes_starts_a_scan(
    api: TestClient, run: dict[str, Any]
) -> None:
    found = estimate(api, run, score="loss")
    for choice in found["result"]["choices"]:
        scan = post(api, "/scans", found["request"] | choice["request_changes"])
        assert scan["score"] == "loss"
        assert scan["layers"] == ("last" if choice["name"] == "last_layer" else "all")
        alone = choice["name"] == "last_checkpoint"
        assert len(scan["checkpoint_ids"]) == (1 if alone else 2)


@pytest.mark.parametrize(
    "body",
    [
        {"run_id": str(uuid4())},
        {"checkpoints": [str(uuid4())]},
        {"weighting": "sqrt"},
        {"layers": []},
        {"policy": {"kind": "top_k", "k": 0}},
        {"evidently": "unknown"},
    ],
)
def test_what_a_scan_is_refused_for_an_estimate_is_too(
    api: TestClient, run: dict[str, Any], body: dict[str, Any]
) -> None:
    answers = [
        api.post(f"{LAB}/{path}", json={"run_id": run["id"]} | body)
        for path in ("scans", "scans/estimates")
    ]
    scan, asked = (answer.json() for answer in answers)
    assert answers[0].status_code == answers[1].status_code >= 400
    assert scan.pop("instance") != asked.pop("instance")
    assert scan == asked


def test_a_repeat_with_the_same_key_asks_once(api: TestClient, run: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"run_id": run["id"]}
    one, other = (
        api.post(f"{LAB}/scans/estimates", json=body, headers=headers).json() for _ in range(2)
    )
    assert one == other
    with reading() as db:
        assert db.scalar(text("SELECT count(*) FROM scan_estimates")) == 1


def test_an_old_one_goes_when_a_new_one_comes(api: TestClient, run: dict[str, Any]) -> None:
    old, young = (
        post(api, "/scans/estimates", {"run_id": run["id"]}, status=202)["id"] for _ in range(2)
    )
    with transaction() as db:
        db.execute(
            text("UPDATE scan_estimates SET created_at = now() - interval '25 h' WHERE id = :i"),
            {"i": old},
        )
    post(api, "/scans/estimates", {"run_id": run["id"]}, status=202)
    gone = api.get(f"{LAB}/scans/estimates/{old}")
    assert gone.status_code == 404
    assert "kept for a day" in gone.json()["remedy"]
    get(api, f"/scans/estimates/{young}")


def test_another_project_sees_none(api: TestClient, run: dict[str, Any]) -> None:
    made = post(api, "/scans/estimates", {"run_id": run["id"]}, status=202)["id"]
    key = make_key("elsewhere")
    answer = api.get(
        f"/api/v1/projects/elsewhere/scans/estimates/{made}",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 404
