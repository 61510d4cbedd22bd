from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fastapi.testclient import TestClient

from tests.support import LAB, blobs_body, get, save_blobs


def test_a_repeat_gets_the_first_answer_and_does_nothing(api: TestClient, data_dir: Path) -> None:
    body = blobs_body(save_blobs(data_dir))
    headers = {"Idempotency-Key": "k1"}
    first = api.post(f"{LAB}/datasets", json=body, headers=headers)
    again = api.post(f"{LAB}/datasets", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(get(api, "/datasets")["items"]) == 1


def test_a_key_used_for_another_request_is_refused(api: TestClient, data_dir: Path) -> None:
    body = blobs_body(save_blobs(data_dir))
    headers = {"Idempotency-Key": "k1"}
    api.post(f"{LAB}/datasets", json=body, headers=headers)
    other = api.post(f"{LAB}/datasets", json=body | {"version": "2"}, headers=headers)
    assert other.status_code == 409
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    assert len(get(api, "/datasets")["items"]) == 1


def test_a_refused_request_does_not_use_its_key_up(api: TestClient, data_dir: Path) -> None:
    headers = {"Idempotency-Key": "k1"}
    missing = blobs_body(data_dir / "missing.npz")
    assert api.post(f"{LAB}/datasets", json=missing, headers=headers).status_code == 422
    body = blobs_body(save_blobs(data_dir))
    assert api.post(f"{LAB}/datasets", json=body, headers=headers).status_code == 201


def test_repeats_at_the_same_moment_do_the_work_once(api: TestClient, data_dir: Path) -> None:
    body = blobs_body(save_blobs(data_dir))

    def register(_: int) -> str:
        answer = api.post(f"{LAB}/datasets", json=body, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(register, range(6)))
    assert len(ids) == 1
    assert len(get(api, "/datasets")["items"]) == 1


def test_keys_of_two_projects_do_not_meet(api: TestClient, data_dir: Path) -> None:
    from tests.support import make_key

    body = blobs_body(save_blobs(data_dir))
    headers = {"Idempotency-Key": "k1"}
    api.post(f"{LAB}/datasets", json=body, headers=headers)
    headers["Authorization"] = f"Bearer {make_key('other')}"
    other = api.post("/api/v1/projects/other/datasets", json=body, headers=headers)
    assert other.status_code == 201
    assert "Idempotency-Replayed" not in other.headers
