"""Files in parts: in any order, twice, by others, and what becomes of them."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.artifacts import ArtifactStore
from app.db import transaction
from app.settings import settings
from app.uploads import service
from app.uploads.places import ending_of
from tests.support import LAB, blobs_body, get, index, make_key, post, save_blobs
from workers.sweep import sweep
from workers.uploads import run_assembling

DATA = bytes(range(256)) * 5


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PART_BYTES", 500)


def announced(data: bytes, name: str = "data.npz") -> dict[str, Any]:
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def put(
    api: TestClient, upload: dict[str, Any], number: int, data: bytes, status: int = 200
) -> Any:
    answer = api.put(f"{LAB}/uploads/{upload['id']}/parts/{number}", content=data)
    assert answer.status_code == status, answer.text
    return answer.json()


def send(api: TestClient, data: bytes, name: str = "data.npz") -> dict[str, Any]:
    upload = post(api, "/uploads", announced(data, name))
    size = upload["part_bytes"]
    for number in upload["missing"]:
        put(api, upload, number, data[number * size : (number + 1) * size])
    post(api, f"/uploads/{upload['id']}/finish", status=200)
    run_assembling(UUID(upload["id"]))
    return get(api, f"/uploads/{upload['id']}")


def files(upload: dict[str, Any]) -> list[str]:
    folder = f"uploads/{upload['id']}"
    return sorted(file.name for file in ArtifactStore(settings().artifacts).files(folder))


def test_parts_come_in_any_order_and_twice(api: TestClient) -> None:
    upload = post(api, "/uploads", announced(DATA))
    assert (upload["part_count"], upload["missing"]) == (3, [0, 1, 2])
    put(api, upload, 2, DATA[1000:])
    put(api, upload, 0, DATA[:500])
    seen = put(api, upload, 0, DATA[:500])
    assert (seen["received"], seen["missing"], seen["status"]) == (2, [1], "receiving")
    refused = post(api, f"/uploads/{upload['id']}/finish", status=409)
    assert refused["missing"] == [1]
    put(api, upload, 1, DATA[500:1000])
    assert post(api, f"/uploads/{upload['id']}/finish", status=200)["status"] == "queued"
    run_assembling(UUID(upload["id"]))
    done = get(api, f"/uploads/{upload['id']}")
    assert (done["status"], done["missing"], done["received"]) == ("done", [], 3)
    place = f"uploads/{upload['id']}/data.npz"
    assert ArtifactStore(settings().artifacts).read_bytes(place) == DATA
    # The parts have gone; one that comes late, or a second worker, changes nothing.
    assert files(upload) == [place]
    put(api, upload, 1, DATA[500:1000])
    run_assembling(UUID(upload["id"]))
    assert post(api, f"/uploads/{upload['id']}/finish", status=200)["status"] == "done"
    assert files(upload) == [place]


def test_what_is_there_is_not_sent_again(api: TestClient) -> None:
    begun = post(api, "/uploads", announced(DATA))
    put(api, begun, 1, DATA[500:1000])
    again = post(api, "/uploads", announced(DATA, "other.npz"))
    assert (again["id"], again["missing"]) == (begun["id"], [0, 2])
    done = send(api, DATA)
    assert post(api, "/uploads", announced(DATA))["id"] == done["id"]
    # A reader goes by the ending: the same bytes under another are another file.
    assert post(api, "/uploads", announced(DATA, "data.csv"))["id"] != done["id"]
    api.headers["Authorization"] = f"Bearer {make_key('elsewhere')}"
    path = "/api/v1/projects/elsewhere/uploads"
    assert api.post(path, json=announced(DATA)).json()["missing"] == [0, 1, 2]
    assert api.get(f"{path}/{done['id']}").status_code == 404


def test_a_part_of_another_size_or_number_is_refused(api: TestClient) -> None:
    upload = post(api, "/uploads", announced(DATA))
    for number, data in ((0, b""), (0, DATA), (2, DATA[:500]), (3, DATA[:500])):
        refused = put(api, upload, number, data, 422)
        assert refused["type"].endswith("part-invalid")
    assert get(api, f"/uploads/{upload['id']}")["received"] == 0
    assert files(upload) == []


def test_what_is_not_what_was_announced_is_not_kept(api: TestClient) -> None:
    upload = post(api, "/uploads", announced(b"a" * 400))
    put(api, upload, 0, b"b" * 400)
    post(api, f"/uploads/{upload['id']}/finish", status=200)
    run_assembling(UUID(upload["id"]))
    failed = get(api, f"/uploads/{upload['id']}")
    assert failed["status"] == "failed"
    assert failed["failure"]["title"] == "Checksum differs"
    refused = post(api, "/datasets", blobs_body(Path("x"), uri=failed["uri"]), status=409)
    assert refused["errors"][0]["field"] == "uri"
    # It is sent anew, not taken for the one that failed.
    assert post(api, "/uploads", announced(b"a" * 400))["id"] != upload["id"]


def test_an_upload_is_registered_and_indexed(api: TestClient, data_dir: Path) -> None:
    source = save_blobs(data_dir, 60)
    done = send(api, source.read_bytes(), "my blobs.npz")
    assert done["uri"] == f"upload://{done['id']}/my%20blobs.npz"
    made = post(api, "/datasets", blobs_body(Path("x"), uri=done["uri"]))
    index(made["id"])
    told = get(api, f"/datasets/{made['id']}")
    assert (told["status"], told["example_count"], told["uri"]) == ("ready", 60, done["uri"])
    beside = post(api, "/datasets", blobs_body(source, version="2"))
    index(beside["id"])
    assert get(api, f"/datasets/{beside['id']}")["fingerprint"] == told["fingerprint"]


def test_uploads_of_others_and_unfinished_ones_cannot_be_registered(api: TestClient) -> None:
    begun = post(api, "/uploads", announced(DATA))
    post(api, "/datasets", blobs_body(Path("x"), uri=begun["uri"]), status=409)
    done = send(api, DATA)
    for uri in (
        f"upload://{uuid4()}/data.npz",
        f"upload://{done['id']}/../../secret",
        "upload://../../etc/passwd",
        "upload:///etc/passwd",
    ):
        answer = api.post(f"{LAB}/datasets", json=blobs_body(Path("x"), uri=uri))
        # What follows the id is only for people to read.
        assert answer.status_code == (201 if done["id"] in uri else 404), uri
        assert answer.json().get("uri", done["uri"]) == done["uri"]
    api.headers["Authorization"] = f"Bearer {make_key('elsewhere')}"
    answer = api.post(
        "/api/v1/projects/elsewhere/datasets", json=blobs_body(Path("x"), uri=done["uri"])
    )
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("upload-not-found")


def test_what_nobody_goes_on_with_is_forgotten(api: TestClient) -> None:
    begun = post(api, "/uploads", announced(DATA))
    put(api, begun, 0, DATA[:500])
    with transaction() as db:
        db.execute(text("UPDATE upload_parts SET at = now() - interval '25 hours'"))
    post(api, "/uploads", announced(b"else"))
    assert api.get(f"{LAB}/uploads/{begun['id']}").status_code == 404
    assert files(begun) == []


def test_a_worker_that_died_is_followed_by_another(api: TestClient) -> None:
    upload = post(api, "/uploads", announced(b"a" * 400))
    put(api, upload, 0, b"a" * 400)
    post(api, f"/uploads/{upload['id']}/finish", status=200)
    with transaction() as db:
        db.execute(
            text(
                "UPDATE uploads SET status = 'running', lease_token = gen_random_uuid(),"
                " lease_expires_at = now() - interval '1 second', nudged_at = NULL"
            )
        )
    sweep()
    run_assembling(UUID(upload["id"]))
    assert get(api, f"/uploads/{upload['id']}")["status"] == "done"


def test_many_send_the_same_file_at_once(api: TestClient) -> None:
    upload = post(api, "/uploads", announced(DATA))
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        for number in range(3):
            put(api, upload, number, DATA[number * 500 : (number + 1) * 500])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get(api, f"/uploads/{upload['id']}")["received"] == 3
    assert get(api, "/uploads")["items"][0]["id"] == upload["id"]


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("train.csv", ".csv"),
        ("2026.train.csv.gz", ".csv.gz"),
        ("model.step-3.safetensors", ".safetensors"),
        ("noend", ""),
        ("x.tar/../../y", ""),
        ("a.b c", ""),
        (".npz", ""),
        ("x." + "y" * 40, ""),
    ],
)
def test_only_a_plain_ending_is_kept(name: str, ending: str) -> None:
    assert ending_of(name) == ending
