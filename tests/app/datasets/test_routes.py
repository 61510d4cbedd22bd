"""Registering and looking at datasets, through the API, with the indexing job called by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.support import LAB, blobs, blobs_body, get, index, make_dataset, post, save_blobs


def refused(api: TestClient, body: dict[str, Any], status: int = 422) -> dict[str, Any]:
    """The problem of a refused registration; nothing may be left of it."""
    before = len(get(api, "/datasets")["items"])
    answer = api.post(f"{LAB}/datasets", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(get(api, "/datasets")["items"]) == before
    problem: dict[str, Any] = answer.json()
    assert "Traceback" not in answer.text
    assert problem["remedy"]
    return problem


def failed(api: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    """The stored reason of a dataset that could not be indexed; no example may be left of it."""
    made = post(api, "/datasets", body)
    index(made["id"])
    dataset = get(api, f"/datasets/{made['id']}")
    assert dataset["status"] == "failed"
    assert dataset["example_count"] is None
    assert api.get(f"{LAB}/datasets/{made['id']}/examples/0").status_code == 409
    failure: dict[str, Any] = dataset["failure"]
    assert failure["remedy"]
    assert "Traceback" not in str(failure)
    return failure


def test_an_indexed_dataset_tells_what_it_holds(api: TestClient, data_dir: Path) -> None:
    dataset = make_dataset(api, data_dir, n=200)
    labels = blobs(200)["y"]
    assert dataset["example_count"] == 200
    assert dataset["classes"] == ["0", "1", "2"]
    assert dataset["class_counts"] == {str(c): int((labels == c).sum()) for c in range(3)}
    assert dataset["modality"] == "table"
    assert len(dataset["fingerprint"]) == 64
    example = get(api, f"/datasets/{dataset['id']}/examples/7")
    assert example == {
        "position": 7,
        "key": "point-00007",
        "given_label": str(labels[7]),
        "given_target": None,
    }


def test_the_fingerprint_is_of_the_content(api: TestClient, data_dir: Path) -> None:
    first = make_dataset(api, data_dir)
    same = make_dataset(api, data_dir, version="2")
    other = make_dataset(api, data_dir, n=201, version="3")
    assert first["fingerprint"] == same["fingerprint"] != other["fingerprint"]


def test_a_missing_file_is_refused_at_once(api: TestClient, data_dir: Path) -> None:
    problem = refused(api, blobs_body(data_dir / "missing.npz"))
    assert problem["type"].endswith("location-not-found")
    assert problem["errors"][0]["field"] == "uri"


@pytest.mark.parametrize("trick", ["outside", "dots", "symlink", "scheme", "relative"])
def test_a_location_outside_the_allowed_roots_is_refused(
    api: TestClient, data_dir: Path, tmp_path: Path, trick: str
) -> None:
    outside = save_blobs(tmp_path)
    (data_dir / "link.npz").symlink_to(outside)
    uri = {
        "outside": str(outside),
        "dots": f"{data_dir}/../../../../../../..{outside}",
        "symlink": str(data_dir / "link.npz"),
        "scheme": "s3://bucket/blobs.npz",
        "relative": "blobs.npz",
    }[trick]
    problem = refused(api, blobs_body(Path("x")) | {"uri": uri})
    assert problem["errors"][0]["field"] == "uri"
    assert problem["type"].endswith("location-not-allowed")


def test_a_version_is_registered_once(api: TestClient, data_dir: Path) -> None:
    body = blobs_body(save_blobs(data_dir))
    post(api, "/datasets", body)
    problem = refused(api, body, status=409)
    assert problem["errors"][0]["field"] == "version"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"format": "pickle"}, "format"),
        ({"columns": {"input": "x"}}, "body"),
        ({"columns": {"input": "x", "label": "y", "labels": "y"}}, "columns.labels"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"task": "regression", "classes": ["a", "b"]}, "body"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_malformed_registration_names_the_field(
    api: TestClient, data_dir: Path, change: dict[str, Any], field: str
) -> None:
    problem = refused(api, blobs_body(save_blobs(data_dir)) | change)
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["remedy"] for error in problem["errors"])


def test_a_body_that_is_no_json_is_a_problem_document(api: TestClient) -> None:
    answer = api.post(
        f"{LAB}/datasets", content=b"{nope", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_column_names_those_there_are(api: TestClient, data_dir: Path) -> None:
    body = blobs_body(save_blobs(data_dir)) | {"columns": {"input": "x", "label": "why"}}
    failure = failed(api, body)
    assert "why" in failure["detail"]
    assert "y" in failure["detail"] + failure["remedy"]
    assert failure["errors"][0]["field"] == "columns.label"


def test_a_label_outside_the_classes_is_found_with_its_row(api: TestClient, data_dir: Path) -> None:
    arrays = blobs(50)
    names = np.array(["cat", "dog", "owl"])[arrays["y"]].astype("<U5")
    names[17] = "horse"
    np.savez(data_dir / "named.npz", **(arrays | {"y": names}))
    body = blobs_body(data_dir / "named.npz", classes=["cat", "dog", "owl"])
    failure = failed(api, body)
    assert "17" in failure["detail"]
    assert "horse" in failure["detail"]
    rejected = get(api, f"/datasets/{get(api, '/datasets')['items'][0]['id']}/rejected-rows")
    assert [row["row"] for row in rejected["items"]] == [17]
    assert rejected["items"][0]["key"] == "point-00017"


def test_an_empty_dataset_fails(api: TestClient, data_dir: Path) -> None:
    np.savez(data_dir / "empty.npz", x=np.empty((0, 4), np.float32), y=np.empty(0, np.int64))
    body = blobs_body(data_dir / "empty.npz", columns={"input": "x", "label": "y"})
    failed(api, body)


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_features_that_are_not_numbers_are_rejected(
    api: TestClient, data_dir: Path, policy: str
) -> None:
    arrays = blobs(50)
    arrays["x"][3, 1] = np.nan
    arrays["x"][9, 0] = np.inf
    np.savez(data_dir / "holes.npz", **arrays)
    body = blobs_body(data_dir / "holes.npz", on_bad_rows=policy)
    if policy == "fail":
        assert "3" in failed(api, body)["detail"]
        return
    made = post(api, "/datasets", body)
    index(made["id"])
    dataset = get(api, f"/datasets/{made['id']}")
    assert (dataset["status"], dataset["example_count"]) == ("ready", 48)
    assert dataset["rejected_count"] == 2
    rows = get(api, f"/datasets/{made['id']}/rejected-rows")["items"]
    assert [row["row"] for row in rows] == [3, 9]


def test_a_corrupt_image_is_named_and_the_rest_goes_on_if_asked(
    api: TestClient, data_dir: Path
) -> None:
    for name in ("cat", "dog"):
        (data_dir / "pets" / name).mkdir(parents=True)
        for number in range(3):
            image = Image.new("RGB", (8, 8), (40 * number, 90, 200))
            image.save(data_dir / "pets" / name / f"{number}.png")
    (data_dir / "pets" / "dog" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    body = {
        "name": "pets",
        "version": "1",
        "uri": str(data_dir / "pets"),
        "format": "image_folder",
        "task": "classification",
    }
    assert "dog/1.png" in failed(api, body)["detail"]
    made = post(api, "/datasets", body | {"version": "2", "on_bad_rows": "skip"})
    index(made["id"])
    dataset = get(api, f"/datasets/{made['id']}")
    assert (dataset["status"], dataset["example_count"]) == ("ready", 5)
    assert dataset["class_counts"] == {"cat": 3, "dog": 2}
    rejected = get(api, f"/datasets/{made['id']}/rejected-rows")["items"]
    assert [row["key"] for row in rejected] == ["dog/1.png"]
    picture = api.get(f"{LAB}/datasets/{made['id']}/examples/0/image")
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/png"


def test_an_archive_of_pickles_is_refused(api: TestClient, data_dir: Path) -> None:
    mark = data_dir / "executed"

    class Payload:
        def __reduce__(self) -> Any:
            return (open, (str(mark), "w"))

    objects = np.array([Payload()] * 4, dtype=object)
    np.savez(data_dir / "bad.npz", x=objects, y=np.arange(4), id=np.arange(4).astype(str))
    failed(api, blobs_body(data_dir / "bad.npz"))
    assert not mark.exists()


def test_a_mended_dataset_can_be_retried(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "blobs.npz"
    path.write_bytes(b"this is no archive")
    made = post(api, "/datasets", blobs_body(path))
    index(made["id"])
    assert get(api, f"/datasets/{made['id']}")["status"] == "failed"
    save_blobs(data_dir)
    assert post(api, f"/datasets/{made['id']}/retry", status=200)["status"] == "registered"
    index(made["id"])
    assert get(api, f"/datasets/{made['id']}")["status"] == "ready"
    answer = api.post(f"{LAB}/datasets/{made['id']}/retry")
    assert answer.status_code == 409


def test_indexing_twice_changes_nothing(api: TestClient, data_dir: Path) -> None:
    dataset = make_dataset(api, data_dir)
    index(dataset["id"])
    assert get(api, f"/datasets/{dataset['id']}") == dataset


def test_pages_of_datasets_add_up_to_the_whole(api: TestClient, data_dir: Path) -> None:
    path = save_blobs(data_dir)
    ids = [post(api, "/datasets", blobs_body(path, version=str(i)))["id"] for i in range(7)]
    seen, after = [], None
    while True:
        page = get(api, "/datasets", limit=3, **({"after": after} if after else {}))
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ids[::-1]
    assert api.get(f"{LAB}/datasets", params={"after": "rubbish"}).status_code == 422


def test_unknown_ids_are_not_found(api: TestClient, data_dir: Path) -> None:
    dataset = make_dataset(api, data_dir)
    for path in (
        f"/datasets/{uuid4()}",
        f"/datasets/{uuid4()}/rejected-rows",
        f"/datasets/{dataset['id']}/examples/200",
        f"/datasets/{dataset['id']}/examples/-1",
    ):
        answer = api.get(LAB + path)
        assert answer.status_code == 404, path
        assert answer.json()["remedy"]
    picture = api.get(f"{LAB}/datasets/{dataset['id']}/examples/0/image")
    assert picture.status_code == 409
    assert picture.json()["type"].endswith("not-an-image")
