"""Exports over HTTP: asking, downloading whole and in parts, and who may."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.app.exports.world import ask, content, export, queue_of, register, review
from tests.app.reviews.world import Person
from tests.support import LAB, get, post


@pytest.fixture
def dataset(api: TestClient, data_dir: Path) -> dict[str, Any]:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(9)))
    made = register(api, path, "csv", name="../=a b\u202e")
    review(api, made, {0: "b", 3: "a"})
    return made


def test_a_download_can_go_on_and_be_checked(api: TestClient, dataset: dict[str, Any]) -> None:
    made = export(api, dataset)
    whole = content(api, made)
    url = f"{LAB}/exports/{made['id']}/files/0"
    answer = api.get(url)
    digest = hashlib.sha256(whole)
    assert answer.headers["ETag"] == f'"{digest.hexdigest()}"'
    told = base64.b64encode(digest.digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{told}:"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a_b_-1-patch.jsonl"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    headers = {"Range": "bytes=10-", "If-Range": answer.headers["ETag"]}
    rest = api.get(url, headers=headers)
    assert (rest.status_code, rest.content) == (206, whole[10:])
    assert rest.headers["Content-Range"] == f"bytes 10-{len(whole) - 1}/{len(whole)}"
    other = api.get(url, headers=headers | {"If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, whole)
    assert api.get(f"{LAB}/exports/{made['id']}/files/1").status_code == 404


def test_only_those_who_may_have_the_files(api: TestClient, dataset: dict[str, Any]) -> None:
    made = export(api, dataset)
    viewer, reviewer = Person(api, "viewer"), Person(api, "reviewer")
    other = Person(api, "engineer", "other")
    assert get(viewer.client, f"/exports/{made['id']}/card")["source"]["name"] == dataset["name"]
    for person in (viewer, reviewer):
        assert person.client.get(f"{LAB}/exports/{made['id']}/files/0").status_code == 403
        asked = {"dataset_id": dataset["id"], "kind": "patch", "format": "csv"}
        assert person.client.post(f"{LAB}/exports", json=asked).status_code == 403
    answer = other.client.get(f"/api/v1/projects/other/exports/{made['id']}/files/0")
    assert answer.status_code == 404
    asked = {"dataset_id": dataset["id"], "kind": "patch", "format": "csv"}
    answer = other.client.post("/api/v1/projects/other/exports", json=asked)
    assert answer.status_code == 404
    assert other.client.get("/api/v1/projects/other/exports").json()["items"] == []


def test_what_cannot_be_exported_is_refused(api: TestClient, dataset: dict[str, Any]) -> None:
    asked = {"dataset_id": dataset["id"], "kind": "patch", "format": "csv"}
    other = register(api, Path(dataset["uri"].removeprefix("file://")), "csv")
    answer = post(api, "/exports", asked | {"dataset_id": other["id"]}, status=409)
    assert answer["title"] == "Nothing reviewed"
    queue = queue_of(api, other)
    answer = post(api, "/exports", asked | {"queue_ids": [queue]}, status=409)
    assert answer["errors"][0]["field"] == "queue_ids"
    post(api, "/exports", asked | {"queue_ids": [str(uuid4())]}, status=404)
    for wrong in ({"format": None}, {"kind": "dataset"}, {"register_as": "2"}):
        post(api, "/exports", asked | wrong, status=422)
    made = ask(api, dataset)
    answer = api.get(f"{LAB}/exports/{made}/files/0")
    assert (answer.status_code, answer.json()["title"]) == (409, "Export not done")
    assert api.get(f"{LAB}/exports/{made}/card").status_code == 409


def test_lists_the_newest_first(api: TestClient, dataset: dict[str, Any]) -> None:
    made = [ask(api, dataset) for _ in range(3)]
    page = get(api, "/exports", dataset_id=dataset["id"], limit=2)
    assert [each["id"] for each in page["items"]] == [made[2], made[1]]
    rest = get(api, "/exports", after=page["next"])
    assert [each["id"] for each in rest["items"]] == [made[0]]
