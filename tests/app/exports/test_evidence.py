"""What an evidence pack holds, that it is the same each time, and what it does not tell."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pyarrow import parquet

from app.artifacts import ArtifactStore
from app.datasets.example_store import ExampleStore
from app.settings import settings
from cleantrace.packs import verify_pack
from tests.app.exports.evidence_world import (
    files_of,
    json_of,
    pack,
    public_keys,
    reviewed,
    scanned,
    table_of,
)
from tests.app.exports.test_making import let_lease_expire
from tests.app.exports.world import ask, content, export, make, ready, register, review
from tests.app.reviews import mixed
from tests.app.reviews.world import Person, sql
from tests.support import LAB, get, post

DOCUMENT = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text()

_KILLED = """
import os, signal, sys
from uuid import UUID
from workers.exports import jobs
from workers.exports.progress import Progress

at = sys.argv[2]

def dying(method, when):
    def replaced(self, *args):
        result = method(self, *args)
        if when(self):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return replaced

Making = jobs._Making
if at == "snapshot":
    Making._file = dying(Making._file, lambda self: True)
elif at == "part":
    Progress.add = dying(Progress.add, lambda progress: len(progress.parts) == 2)
else:
    write = jobs.write_archive
    def dying_archive(*args):
        write(*args)
        os.kill(os.getpid(), signal.SIGKILL)
    jobs.write_archive = dying_archive
jobs.run_export(UUID(sys.argv[1]), part_rows=50)
"""


@pytest.fixture
def world(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return reviewed(api, scanned(api, data_dir))


def test_it_holds_what_the_service_says(
    api: TestClient, world: dict[str, Any], tmp_path: Path
) -> None:
    dataset, scan = world["dataset"], world["scan"]["id"]
    made, archive = pack(api, dataset)
    files = files_of(archive)

    scores = get(api, f"/scans/{scan}/scores", order="position", limit=200)["items"]
    rows = table_of(files, "scores.parquet").to_pylist()
    assert len(rows) == dataset["example_count"] == 200
    for row, score in zip(rows, scores, strict=True):
        assert {name: row[name] for name in score} == score
    store = ExampleStore(
        ArtifactStore(settings().artifacts).local_path(
            sql("SELECT store FROM datasets WHERE id = :id", id=dataset["id"])[0][0]
        )
    )
    digests = store.hashes(0, 200).column("digest").to_pylist()
    assert [row["digest"] for row in rows] == [digest.hex() for digest in digests]
    flags = get(api, f"/scans/{scan}/flags", limit=200)["items"]
    rows = sorted(table_of(files, "flags.parquet").to_pylist(), key=lambda row: row["rank"])
    assert [row | {"given_target": None} for row in rows] == flags != []

    verdicts = table_of(files, "verdicts.parquet").to_pylist()
    log = sql("SELECT id, position, kind, comment, undoes FROM review_verdicts ORDER BY id")
    told = [tuple(v[k] for k in ("id", "position", "kind", "comment", "undoes")) for v in verdicts]
    assert sorted(told) == [tuple(row) for row in log]
    assert [v["kind"] for v in verdicts].count("undo") == 1
    assert {v["who"] for v in verdicts} == {"test"}
    outcomes = table_of(files, "outcomes.parquet").to_pylist()
    items = sql("SELECT position, outcome FROM review_items WHERE state <> 'open'")
    assert sorted((o["position"], o["outcome"] or "") for o in outcomes) == sorted(
        (position, outcome or "") for position, outcome in items
    )
    assert {o["role"] for o in outcomes if o["state"] == "done"} == {"flag", "audit"}
    assert {o["role"] for o in outcomes if o["state"] == "disputed"} == {None}

    audits = table_of(files, "audits.parquet").to_pylist()
    draws = sql("SELECT number, unreviewed, position FROM audit_draws ORDER BY number")
    assert [(a["number"], a["unreviewed"]) for a in audits] == [(n, u) for n, u, _ in draws]
    assert all(a["probability"] == 1 / a["unreviewed"] for a in audits)
    named = [(a["position"], d[2]) for a, d in zip(audits, draws, strict=True) if a["key"]]
    assert all(one == other for one, other in named)
    # Whoever has an audit in hand, or may get it, is not told.
    undone = {p for (p,) in sql("SELECT position FROM review_items WHERE state <> 'done'")}
    for name in ("key", "at"):
        assert [a[name] is None for a in audits] == [position in undone for *_, position in draws]
    assert not {a["outcome"] for a in audits if a["key"]} & {"waiting", "unknown"}

    estimate = json_of(files, "estimate.json")
    assert estimate.pop("forecaster")["sure"] == 0.3
    assert estimate == get(api, f"/datasets/{dataset['id']}/estimate")
    [gate] = map(json.loads, files["gates.jsonl"].splitlines())
    explained = get(api, f"/gate-evaluations/{gate['id']}/explanation")
    assert (gate["inputs"], gate["by"]) == (explained["inputs"], explained["evaluation"]["by"])
    facts = json_of(files, "provenance.json")
    run = get(api, f"/runs/{facts['run']['id']}/checkpoints")
    told = [(c["step"], c["eta"], c["sha256"]) for c in facts["checkpoints"]]
    assert told == [(c["step"], c["eta"], c["sha256"]) for c in run]
    assert all(len(c["sha256"]) == 64 for c in facts["checkpoints"])
    assert facts["dataset"]["fingerprint"] == dataset["fingerprint"]
    assert facts["scan"]["coverage"]["scored"] == 15
    assert facts["queues"][0]["people"][0]["verdicts"] == len(
        [v for v in verdicts if v["queue_id"] == world["queue"]]
    )

    [key] = public_keys(api)
    path = tmp_path / "pack.zip"
    path.write_bytes(archive)
    found = verify_pack(path, key["public_key"])
    assert (found.holds, found.key_id) == (True, key["id"])
    assert made["card"]["key_id"] == key["id"]
    assert found.predicate["dataset"]["fingerprint"] == dataset["fingerprint"]
    assert found.predicate["wrongLabels"]["says"] == estimate["says"]
    assert str(found.predicate["latest"]).startswith(
        get(api, "/gate-evaluations")["items"][0]["at"][:19]
    )


def test_the_same_facts_give_the_same_bytes(api: TestClient, world: dict[str, Any]) -> None:
    dataset = world["dataset"]
    made, archive = pack(api, dataset)
    scan = world["scan"]["id"]
    named = {"scan_id": scan, "queue_ids": [world["queue"], world["plain"]]}
    assert pack(api, dataset, **named)[1] == archive
    assert made["scan_id"] == scan
    one = files_of(pack(api, dataset, queue_ids=[world["plain"]])[1])
    assert len(table_of(one, "outcomes.parquet")) == 2
    # The bound is of the whole data set.
    assert one["audits.parquet"] == files_of(archive)["audits.parquet"]
    Person(api).work(world["plain"])
    assert pack(api, dataset)[1] != archive
    closed = post(api, f"/queues/{world['plain']}/close", status=200)["closed_at"]
    latest = json_of(files_of(pack(api, dataset)[1]), "provenance.json")["latest"]
    assert latest == closed


def test_an_auditor_computes_the_bound_again(
    api: TestClient, world: dict[str, Any], tmp_path: Path
) -> None:
    [script] = re.findall(r"```python\n(import json, sys.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "again.py").write_text(script)
    files = files_of(pack(api, world["dataset"])[1])
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    ran = subprocess.run(
        [sys.executable, "again.py", "."], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    number = json_of(files, "estimate.json")["wrong"]["before"]["number"]
    assert ran.stdout.split() == [str(number["lowest"]), str(number["highest"])]
    assert 0 < number["lowest"] < number["highest"] < 200


def test_standard_tools_verify_it_as_the_document_says(
    api: TestClient, world: dict[str, Any], tmp_path: Path
) -> None:
    if not all(map(shutil.which, ("openssl", "jq", "unzip", "sha256sum"))):
        pytest.skip("openssl, jq, unzip or sha256sum is not installed")
    [steps] = re.findall(r"```sh\n(mkdir pack.*?)```", DOCUMENT, re.DOTALL)
    archive = pack(api, world["dataset"])[1]

    def by_hand(folder: Path) -> subprocess.CompletedProcess[str]:
        folder.mkdir()
        (folder / "digits-3-evidence.zip").write_bytes(archive)
        (folder / "key.pem").write_text(public_keys(api)[0]["public_key"])
        return subprocess.run(
            ["bash", "-ec", steps], cwd=folder, capture_output=True, text=True, check=False
        )

    ran = by_hand(tmp_path / "first")
    assert ran.returncode == 0, ran.stderr
    assert "Signature Verified Successfully" in ran.stdout
    assert ran.stdout.count(": OK") == 10
    assert ran.stdout.split()[-1] == "11"
    sql("DELETE FROM signing_keys")
    pack(api, world["dataset"])
    ran = by_hand(tmp_path / "other")
    assert ran.returncode != 0
    assert "Signature Verification Failure" in ran.stdout + ran.stderr


@pytest.mark.parametrize("at", ["snapshot", "part", "archive"])
def test_one_that_was_killed_goes_on(api: TestClient, world: dict[str, Any], at: str) -> None:
    dataset = world["dataset"]
    undisturbed = content(api, _done(api, ask(api, dataset, "evidence"), part_rows=50))
    made = ask(api, dataset, "evidence")
    command = [sys.executable, "-c", _KILLED, made, at]
    ran = subprocess.run(command, check=False, env=os.environ)
    assert ran.returncode == -signal.SIGKILL
    if at != "snapshot":
        # What is decided meanwhile is not in it.
        Person(api).work(world["plain"])
    let_lease_expire(made)
    found = _done(api, made, part_rows=50)
    files, expected = files_of(content(api, found)), files_of(undisturbed)
    assert [name for name in files if files[name] != expected[name]] == []
    assert content(api, found) == undisturbed
    assert len(ArtifactStore(settings().artifacts).files(f"exports/{made}")) == 1


def _done(api: TestClient, export_id: str, **options: Any) -> dict[str, Any]:
    make(export_id, **options)
    found: dict[str, Any] = get(api, f"/exports/{export_id}")
    assert found["status"] == "done", found["failure"]
    return found


def test_reviewers_of_a_blind_queue_are_refused_and_canaries_stay(
    api: TestClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.reviews import mixing

    world = scanned(api, data_dir)
    mixed.found_right(api, world["scan"]["id"], 12)
    monkeypatch.setattr(mixing, "CHANCE", mixed.Always(5))
    queue = mixed.queue_of(api, world["scan"]["id"], policy={"kind": "top_k", "k": 3}, canaries=3)
    ada = Person(api)
    while ada.work(queue):
        pass
    canaries = {p for p, role in mixed.roles_of(queue).items() if role == "canary"}
    assert len(canaries) == 3
    body = {"dataset_id": world["dataset"]["id"], "kind": "evidence"}
    assert ada.client.post(f"{LAB}/exports", json=body).status_code == 403
    made, archive = pack(api, world["dataset"])
    for path in ("", "/card", "/files/0"):
        assert ada.client.get(f"{LAB}/exports/{made['id']}{path}").status_code == 403
    files = files_of(archive)
    for name in ("verdicts", "outcomes"):
        rows = table_of(files, f"{name}.parquet").to_pylist()
        assert not canaries & {r["position"] for r in rows if r["queue_id"] == queue}
    reviewers = json_of(files, "estimate.json")["reviewers"]
    assert reviewers["canaries"]["missed"] + reviewers["canaries"]["caught"] == 3


def test_what_others_said_is_not_told_before_an_item_is_settled(
    api: TestClient, data_dir: Path
) -> None:
    world = scanned(api, data_dir, 60)
    queue = mixed.queue_of(api, world["scan"]["id"], overlap=2)
    ada, bob = Person(api), Person(api)
    first = ada.work(queue)["position"]
    second = ada.work(queue)["position"]
    bob.decide(queue, first)

    def told() -> set[int]:
        files = files_of(pack(api, world["dataset"])[1])
        return set(table_of(files, "verdicts.parquet").column("position").to_pylist())

    assert told() == {first}
    post(api, f"/queues/{queue}/close", status=200)
    assert told() == {first, second}


ODD = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", '"><img src=x>', "a\x1b[2J&b{}"]


def test_odd_names_labels_and_comments_are_inert(api: TestClient, data_dir: Path) -> None:
    world = scanned(api, data_dir, 60, name=ODD[1], version=ODD[2], classes=["0", "1", "2"])
    queue = mixed.queue_of(api, world["scan"]["id"], name=ODD[0])
    mixed.queue_of(api, world["scan"]["id"], name=ODD[1])
    ada = Person(api)
    sql("UPDATE principals SET name = :name", name=ODD[3])
    ada.work(queue, comment=ODD[1])
    policy = {"name": "odd", "rules": [{"rule": "flags", "at_most": 9, "key": ODD[1]}]}
    post(api, "/gate-evaluations", {"policy": policy, "scan_id": world["scan"]["id"]})
    made, archive = pack(api, world["dataset"])
    assert re.fullmatch(r"[A-Za-z0-9._-]+\.zip", made["files"][0]["name"])
    files = files_of(archive)
    page = files["summary.html"].decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert re.findall(r"<(?:script|img|iframe|link|object)", page) == []
    assert re.findall(r"(?:src|href)=", page.replace("&quot;&gt;&lt;img src=", "")) == []
    assert "default-src 'none'" in page
    assert "\x1b" not in page
    assert "<td>&#x27;=cmd|" in page
    for name in ("provenance.json", "estimate.json", "gates.jsonl"):
        assert not re.search(rb"[<>&\x00-\x09\x0b-\x1f\x7f-\xff]", files[name]), name
    statement = base64.b64decode(json_of(files, "attestation.intoto.json")["payload"])
    assert b"\x1b" not in statement
    assert table_of(files, "verdicts.parquet").column("comment").to_pylist() == [ODD[1]]


def test_a_dataset_needs_a_scan_and_no_queue(api: TestClient, data_dir: Path) -> None:
    from tests.support import make_dataset

    bare = make_dataset(api, data_dir, 60, version="0")
    asked = {"dataset_id": bare["id"], "kind": "evidence"}
    refused = post(api, "/exports", asked, status=409)
    assert refused["type"].endswith("nothing-scanned")
    assert "scan" in refused["remedy"]
    post(api, "/exports", asked | {"format": "csv"}, status=422)
    post(api, "/exports", asked | {"register_as": "2"}, status=422)
    world = scanned(api, data_dir, 60)
    other = asked | {"scan_id": world["scan"]["id"]}
    assert post(api, "/exports", other, status=409)["errors"][0]["field"] == "scan_id"
    files = files_of(pack(api, world["dataset"])[1])
    assert len(table_of(files, "verdicts.parquet")) == 0
    assert json_of(files, "provenance.json")["queues"] == []
    assert b"No review queue" in files["summary.html"]


def test_regressions_and_hashes_of_images(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "numbers.parquet"
    table = {
        "id": [f"k{i}" for i in range(9)],
        "text": ["t"] * 9,
        "label": [i / 2 for i in range(9)],
    }
    parquet.write_table(pa.table(table), path)
    numbers = register(api, path, "parquet", task="regression")
    review(api, numbers, {1: 7.25, 2: "right"})
    files = files_of(pack(api, numbers)[1])
    scores = table_of(files, "scores.parquet")
    assert scores.column("given_target").to_pylist() == table["label"]
    assert scores.column("given_label").null_count == scores.column("terms").null_count == 9
    outcomes = table_of(files, "outcomes.parquet").to_pylist()
    assert [(o["key"], o["value"], o["label"]) for o in outcomes] == [
        ("k1", 7.25, None),
        ("k2", 1.0, None),
    ]
    folder = data_dir / "images"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (4, 4), (len(name), 0, ord(name[0]))).save(folder / name / "one.png")
    images = register(api, folder, "image_folder", columns=None)
    review(api, images, {0: "right"})
    scores = table_of(files_of(pack(api, images)[1]), "scores.parquet").to_pylist()
    for row in scores:
        content_of = (folder / row["key"]).read_bytes()
        assert row["image_sha256"] == hashlib.sha256(content_of).hexdigest()
        digest = hashlib.blake2b(row["image_sha256"].encode(), digest_size=16)
        assert row["digest"] == digest.hexdigest()


def test_files_that_were_sent_or_written_here_have_hashes(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(9)))
    dataset = register(api, path, "csv")
    review(api, dataset, {0: "b"})
    corrected = export(api, dataset, "dataset", register_as="2")
    second = ready(api, corrected["card"]["registered_id"])
    review(api, second, {1: "right"})
    facts = json_of(files_of(pack(api, second)[1]), "provenance.json")["dataset"]
    [file] = facts["files"]
    assert file["sha256"] == corrected["files"][0]["sha256"]
    assert facts["parent_id"] == dataset["id"]
