"""Exports through the client and the command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from benchmarks.review_world import add_scan
from cleantrace import Client
from cleantrace.cli import app
from cleantrace.client.errors import ExportFailed
from cleantrace.client.room_errors import ExportNotDone, NothingReviewed
from tests.cleantrace.client.front import Front
from tests.support import index


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
