"""Tasks for Label Studio and records for Argilla; their own packages read them where they are."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pyarrow import parquet

from app.reviews import mixing
from benchmarks.review_world import add_scan
from cleantrace.class_names import written_class
from tests.app.exports.test_inert import ODD
from tests.app.exports.world import ask, content, export, make, register
from tests.app.reviews import mixed
from tests.app.reviews.test_imports import counts
from tests.app.reviews.world import Person, require_sound
from tests.support import get, post

KINDS = ("label-studio", "argilla")
N = 60
FIVE = ["ant", "bee", "cat", "dog", "eel"]


def texts(folder: Path, classes: list[str] | None = None, n: int = N) -> Path:
    names = classes or FIVE
    path = folder / f"{uuid4()}.parquet"
    table = {
        "id": [f"k{i}" for i in range(n)],
        "text": [f"text {i} {ODD[i % len(ODD)]}" for i in range(n)],
        "label": [names[i % len(names)] for i in range(n)],
    }
    parquet.write_table(pa.table(table), path)
    return path


@pytest.fixture
def dataset(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return register(api, texts(data_dir), "parquet", classes=FIVE)


def scan_of(dataset: dict[str, Any]) -> str:
    return str(add_scan(UUID(dataset["id"]), dataset["example_count"]))


def flags_of(api: TestClient, scan: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(api, f"/scans/{scan}/flags", limit=100)["items"]
    return found


def entries(api: TestClient, made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(content(api, made))
    return found


def test_tasks_hold_the_flags_in_order(api: TestClient, dataset: dict[str, Any]) -> None:
    scan = scan_of(dataset)
    made = export(api, dataset, "label-studio", scan_id=scan)
    assert [file["name"].rpartition("-1-")[2] for file in made["files"]] == [
        "tasks.json",
        "labelling-interface.xml",
    ]
    flags = flags_of(api, scan)
    tasks = entries(api, made)
    assert len(tasks) == len(flags) == 6
    for task, flag in zip(tasks, flags, strict=True):
        data = task["data"]
        assert (data["key"], data["given_label"]) == (flag["key"], flag["given_label"])
        assert (data["rank"], data["suspicion"]) == (flag["rank"], flag["suspicion"])
        assert data["text"].startswith(f"text {flag['position']} ")
        suggested = [each["result"][0]["value"]["choices"][0] for each in task["predictions"]]
        assert suggested == [flag["suggested_label"]] * (flag["suggested_label"] is not None)
        for prediction in task["predictions"]:
            assert prediction["score"] == flag["suspicion"]
            assert prediction["model_version"] == f"cleantrace scan {scan}"
    view = ElementTree.fromstring(content(api, made, 1))
    assert [each.get("value") for each in view.iter("Choice")] == FIVE
    assert made["card"]["scan_id"] == scan
    assert made["card"]["counts"] is None


def test_records_hold_the_same(api: TestClient, dataset: dict[str, Any]) -> None:
    scan = scan_of(dataset)
    made = export(api, dataset, "argilla", scan_id=scan)
    flags = flags_of(api, scan)
    for record, flag in zip(entries(api, made), flags, strict=True):
        assert record["id"] == flag["key"]
        assert record["fields"]["given_label"] == flag["given_label"]
        assert record["metadata"] == {"rank": flag["rank"], "suspicion": flag["suspicion"]}
        if flag["suggested_label"] is not None:
            assert record["suggestions"]["label"] == {
                "value": flag["suggested_label"],
                "score": flag["suspicion"],
                "agent": f"cleantrace scan {scan}",
            }


@pytest.mark.parametrize("kind", KINDS)
def test_repetition_and_resumption_give_the_same_bytes(
    api: TestClient, dataset: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.exports import suspects

    scan = scan_of(dataset)
    whole = export(api, dataset, kind, scan_id=scan)
    monkeypatch.setattr(suspects, "_PIECE_BYTES", 1)
    made = ask(api, dataset, kind, scan_id=scan)
    make(made, part_rows=2)
    again = get(api, f"/exports/{made}")
    assert [file["sha256"] for file in again["files"]] == [
        file["sha256"] for file in whole["files"]
    ]


def key_of(entry: dict[str, Any]) -> str:
    return str(entry["data"]["key"] if "data" in entry else entry["id"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_s_open_items_in_its_order(
    api: TestClient, dataset: dict[str, Any], kind: str
) -> None:
    scan = scan_of(dataset)
    queue = mixed.queue_of(api, scan)
    items = get(api, f"/queues/{queue}/items")["items"]
    Person(api).decide(queue, items[1]["position"], "right")
    found = entries(api, made := export(api, dataset, kind, queue_ids=[queue]))
    assert [key_of(each) for each in found] == [items[0]["key"], *(i["key"] for i in items[2:])]
    assert made["card"]["queues"][0]["counted"] == len(items) - 1
    assert made["card"]["scan_id"] == scan


@pytest.mark.parametrize("kind", KINDS)
def test_a_blind_queue_tells_no_more_than_to_its_reviewers(
    api: TestClient, dataset: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "CHANCE", mixed.Always(1))
    scan = scan_of(dataset)
    mixed.found_right(api, scan, 5)
    queue = mixed.queue_of(api, scan, policy={"kind": "filter"}, audits=2, canaries=2)
    reviewer = Person(api)
    reviewer.ask(queue)
    drawn = [f"k{p}" for p, role in mixed.roles_of(queue).items() if role != "flag"]
    drawn += [item["key"] for item in reviewer.ask(queue)["items"]]
    found = entries(api, export(api, dataset, kind, queue_ids=[queue]))
    assert found
    assert not {key_of(each) for each in found} & set(drawn)
    for each in found:
        assert not each.get("predictions")
        assert not each.get("suggestions")
        told = each.get("data") or each["metadata"] | each["fields"]
        assert not {"rank", "suspicion", "reason"} & told.keys()
    hidden = mixed.queue_of(api, scan, show_suggestion=False)
    for each in entries(api, export(api, dataset, kind, queue_ids=[hidden])):
        assert not each.get("predictions")
        assert not each.get("suggestions")


def test_what_does_not_go_together_is_refused(api: TestClient, dataset: dict[str, Any]) -> None:
    scan = scan_of(dataset)
    queue = mixed.queue_of(api, scan)
    asked = {"dataset_id": dataset["id"], "kind": "argilla"}
    for wrong in (
        {},
        {"scan_id": scan, "queue_ids": [queue]},
        {"queue_ids": [queue, str(uuid4())]},
        {"scan_id": scan, "format": "csv"},
        {"scan_id": scan, "register_as": "2"},
    ):
        post(api, "/exports", asked | wrong, status=422)
    unfit = post(api, "/exports", asked | {"scan_id": scan, "image_base": "/x/"}, status=422)
    assert unfit["type"].endswith("image-base-unfit")
    patch = {"kind": "patch", "format": "csv", "image_base": "/x/"}
    post(api, "/exports", asked | patch, status=422)


def pixels(address: str) -> np.ndarray:
    before, _, data = address.partition(",")
    assert before == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize("kind", KINDS)
def test_images_come_with_their_pixels(api: TestClient, data_dir: Path, kind: str) -> None:
    images = np.random.default_rng(0).integers(0, 255, (N, 6, 5, 3), np.uint8)
    path = data_dir / "images.npz"
    np.savez(path, x=images, y=np.arange(N) % 5)
    columns = {"input": "x", "label": "y"}
    dataset = register(api, path, "npz", columns=columns, modality="image", classes=FIVE)
    scan = scan_of(dataset)
    found = entries(api, export(api, dataset, kind, scan_id=scan))
    for each, flag in zip(found, flags_of(api, scan), strict=True):
        address = (each.get("data") or each["fields"])["image"]
        np.testing.assert_array_equal(pixels(address), images[flag["position"]])


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_a_folder_may_be_named_by_where_they_are(
    api: TestClient, data_dir: Path, kind: str
) -> None:
    folder = data_dir / "photos"
    for i in range(N):
        name = folder / FIVE[i % 5] / f"no {i:02} 100%.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2, 3), i, np.uint8)).save(name)
    dataset = register(api, folder, "image_folder", columns={"input": "image", "label": "label"})
    scan = scan_of(dataset)
    base = "https://images.example/photos/"
    found = entries(api, export(api, dataset, kind, scan_id=scan, image_base=base))
    for each, flag in zip(found, flags_of(api, scan), strict=True):
        address = (each.get("data") or each["fields"])["image"]
        assert re.fullmatch(base + r"\w{3}/no%20\d\d%20100%25.png", address)
        assert f"/{flag['given_label']}/" in address
    embedded = entries(api, export(api, dataset, kind, scan_id=scan))
    assert pixels((embedded[0].get("data") or embedded[0]["fields"])["image"]).shape == (2, 2, 3)


def test_rows_and_numbers(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "numbers.parquet"
    table = {"a": [float(i) for i in range(N)], "b<i>": [0.5] * N, "y": [i / 4 for i in range(N)]}
    parquet.write_table(pa.table(table), path)
    columns = {"input": ["a", "b<i>"], "label": "y"}
    dataset = register(api, path, "parquet", columns=columns, task="regression")
    queue = mixed.queue_of(api, scan_of(dataset), policy={"kind": "filter"})
    made = export(api, dataset, "label-studio", queue_ids=[queue])
    task = entries(api, made)[0]
    assert task["data"]["row"] == {"a": task["data"]["given_label"] * 4, "b<i>": 0.5}
    assert task["predictions"][0]["result"][0]["value"] == {
        "number": task["data"]["given_label"] + 1
    }
    assert b"<Number name=" in content(api, made, 1)
    made = export(api, dataset, "argilla", queue_ids=[queue])
    record = entries(api, made)[0]
    assert record["fields"]["row"] == f"a: {task['data']['row']['a']}\nb<i>: 0.5"
    settings = json.loads(content(api, made, 1))
    assert settings["questions"][0]["settings"]["type"] == "text"


HOSTILE = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\x1b[2J", "a$text", "&amp;\u202ex"]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_texts_and_classes_are_inert_and_come_back(
    api: TestClient, data_dir: Path, kind: str
) -> None:
    dataset = register(api, texts(data_dir, HOSTILE), "parquet", classes=HOSTILE)
    scan = scan_of(dataset)
    made = export(api, dataset, kind, scan_id=scan)
    for number in range(2):
        data = content(api, made, number)
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", data)
        assert data.isascii() or kind == "label-studio"
    assert not re.search(rb"[<>&]", content(api, made))
    if kind == "label-studio":
        view = ElementTree.fromstring(content(api, made, 1))
        offered = [each.get("value") for each in view.iter("Choice")]
    else:
        settings = json.loads(content(api, made, 1))
        offered = [each["value"] for each in settings["questions"][0]["settings"]["options"]]
    assert offered == [written_class(name) for name in HOSTILE]
    queue = mixed.queue_of(api, scan)
    rows = [
        {"key": key_of(each), "annotator": "a", "kind": "relabel", "label": offered[i % 5]}
        for i, each in enumerate(entries(api, made))
    ]
    body = {"tool": kind, "annotations": rows}
    assert counts(post(api, f"/queues/{queue}/imports", body))["new"] == len(rows)
    require_sound(queue)
