"""Exports through the client and the command line."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from benchmarks.review_world import add_scan
from cleantrace import Client
from cleantrace.cli import app
from cleantrace.client.errors import ExportFailed
from cleantrace.client.room_errors import ExportNotDone, NothingReviewed, NothingScanned
from cleantrace.packs import verify_pack
from tests.cleantrace.client.front import Front
from tests.support import index, make_dataset, make_run, post, run_scan


def make(export_id: str) -> None:
    from workers.exports.jobs import run_export

    run_export(UUID(export_id))


@pytest.fixture
def dataset_id(client: Client, data_dir: Path) -> str:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(20)))
    columns: dict[str, Any] = {"input": "text", "label": "label", "key": "id"}
    made = client.register_dataset(
        str(uuid4()), "1", path, format="csv", task="classification", **columns
    )
    index(made.id)
    return made.id


def review(client: Client, dataset_id: str) -> None:
    scan = add_scan(UUID(dataset_id), 20)
    queue = client.create_queue(str(uuid4()), scan, {"kind": "filter"})
    client.decide(queue, client.next_items(queue)[0], "unusable")


def test_an_export_is_asked_for_waited_for_and_downloaded(
    client: Client, dataset_id: str, tmp_path: Path
) -> None:
    with pytest.raises(NothingReviewed):
        client.create_export(dataset_id)
    review(client, dataset_id)
    made = client.create_export(dataset_id, "dataset", register_as="2")
    with pytest.raises(ExportNotDone):
        client.download_export(made, tmp_path)
    make(made.id)
    done = client.wait_for_export(made)
    assert done.card is not None
    [path] = client.download_export(done, tmp_path / "out")
    assert len(path.read_text().splitlines()) == 20
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["counts"]["removed"] == 1
    registered = client.get_dataset(card["registered_id"])
    index(registered.id)
    assert client.get_dataset(registered).fingerprint == card["fingerprint"]
    assert client.get_dataset(registered).parent_id == dataset_id
    assert [each.id for each in client.exports(dataset_id)] == [made.id]
    twice = client.create_export(dataset_id, "dataset")
    Path(client.get_dataset(dataset_id).uri.removeprefix("file://")).write_text("id,text,label\n")
    make(twice.id)
    with pytest.raises(ExportFailed):
        client.wait_for_export(twice)


def test_a_download_that_broke_off_goes_on(
    client: Client, dataset_id: str, api_url: str, key: str, tmp_path: Path
) -> None:
    review(client, dataset_id)
    made = client.create_export(dataset_id, format="csv")
    make(made.id)
    [path] = client.download_export(made, tmp_path)
    whole = path.read_bytes()
    part = path.with_name(f"{path.name}.part")
    path.rename(part)
    part.write_bytes(whole[:10])
    with Front(api_url) as front, Client(front.url, key, "lab") as other:
        # A gateway without ranges: it begins anew.
        [again] = other.download_export(made, tmp_path)
    assert again.read_bytes() == whole
    again.rename(part)
    part.write_bytes(b"#" * 10)
    # A beginning that was another file's is noticed, and dropped.
    with pytest.raises(Exception, match="damaged"):
        client.download_export(made, tmp_path)
    assert client.download_export(made, tmp_path) == [path]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == client.get_export(made).files[0].sha256


def test_the_command_line(
    client: Client, dataset_id: str, api_url: str, key: str, tmp_path: Path
) -> None:
    review(client, dataset_id)
    where = ["--url", api_url, "--api-key", key, "--project", "lab"]

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["exports", *where, *words])
        assert done.exit_code == 0, done.output
        return done.output

    name = client.get_dataset(dataset_id).name
    made = run("create", f"{name}:1", "--what", "csv", "--no-wait").strip()
    assert "queued" in run("list", "--dataset", f"{name}:1")
    make(made)
    told = json.loads(run("show", made, "--json"))
    assert (told["status"], told["format"], told["files"][0]["rows"]) == ("done", "csv", 1)
    path = Path(run("download", made, str(tmp_path)).strip())
    assert path.read_text().startswith("key,action,old,new,who,when,why,decided_by,queue\n")


def test_evidence_is_taken_and_verified(
    client: Client, api: TestClient, api_url: str, data_dir: Path, tmp_path: Path
) -> None:
    dataset = make_dataset(api, data_dir, 60)
    with pytest.raises(NothingScanned):
        client.create_export(dataset["id"], "evidence")
    scan = post(api, "/scans", {"run_id": make_run(api, data_dir, dataset)["id"]})
    run_scan(scan["id"])
    by_default = client.create_export(dataset["id"], "evidence")
    assert (by_default.kind, by_default.format, by_default.scan_id) == (
        "evidence",
        None,
        scan["id"],
    )
    where = ["--url", api_url, "--api-key", api.headers["Authorization"][7:], "--project", "lab"]

    def run(*words: str, status: int = 0) -> str:
        group, *rest = words
        done = CliRunner().invoke(app, [group, *where, *rest])
        assert done.exit_code == status, done.output
        return done.output

    created = ["create", "blobs:1", "--what", "evidence", "--scan", scan["id"], "--no-wait"]
    made = run("exports", *created).strip()
    make(made)
    path = Path(run("exports", "download", made, str(tmp_path)).strip())
    assert path.name == "blobs-1-evidence.zip"
    [key] = client.signing_keys()
    keys = tmp_path / "keys.pem"
    keys.write_text(run("signing-keys", "list"))
    assert key.id in keys.read_text()
    assert verify_pack(path, key.public_key).key_id == key.id
    told = run("exports", "verify", str(path), "--key", str(keys))
    assert told.splitlines()[-1] == "All of it holds: evidence of blobs:1, 60 examples."
    assert told.count("ok  ") == 11
    assert run("exports", "verify", str(path)) == told
    folder = tmp_path / "pack"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    assert run("exports", "verify", str(folder), "--key", str(keys)) == told
    (folder / "summary.html").write_text("<h1>\x1b[2JAll is well</h1>")
    (folder / "a\x1b[2Jb").touch()
    told = run("exports", "verify", str(folder), "--key", str(keys), status=1)
    assert "FAILED  summary.html: was changed" in told
    assert "FAILED  a\\x1b[2Jb: was added" in told
    assert "\x1b[2J" not in told
    assert "not what was signed" in told
    assert "no evidence pack" in run(
        "exports", "verify", str(tmp_path), "--key", str(keys), status=2
    )
    run("exports", "create", "blobs:1", "--scan", scan["id"], status=2)
