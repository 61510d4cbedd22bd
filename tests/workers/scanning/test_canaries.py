"""Canaries tell how much a scan finds, and change nothing else of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.datasets import queries as dataset_queries
from app.db import reading
from tests.support import (
    blobs,
    blobs_body,
    estimate,
    get,
    index,
    linear_spec,
    make_dataset,
    make_run,
    plan,
    post,
    run_scan,
    save_weights,
    score_all,
)
from workers.scanning.canaries import SHIFT, Canaries, plant
from workers.scanning.parts import store_of
from workers.scanning.ranking import flagged, rank
from workers.scanning.recall import places, recall
from workers.scanning.session import close_session
from workers.scanning.shards import run_next_shard

N, K, M = 200, 2, 80


@pytest.fixture
def run(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return make_run(api, data_dir, make_dataset(api, data_dir, N), K)


def scanned(api: TestClient, run: dict[str, Any], **body: Any) -> dict[str, Any]:
    scan = post(api, "/scans", {"run_id": run["id"]} | body)
    run_scan(scan["id"])
    found: dict[str, Any] = get(api, f"/scans/{scan['id']}")
    assert found["status"] == "complete", found["failure"]
    return found


def rows(table: str, scan: dict[str, Any]) -> list[Any]:
    with reading() as db:
        found = db.execute(
            text(f"SELECT * FROM {table} WHERE scan_id = :s ORDER BY position"), {"s": scan["id"]}
        )
        return [tuple(row)[1:] for row in found]


def dataset_of(run: dict[str, Any]) -> Any:
    with reading() as db:
        return dataset_queries.dataset_by_id(db, UUID(run["dataset_id"]))


def without_canaries(summary: dict[str, Any]) -> dict[str, Any]:
    own = {"canaries", "computed", "reused", "engine_seconds", "seconds", "examples_per_second"}
    return {name: value for name, value in summary.items() if name not in own}


def test_they_change_nothing_of_the_real_examples(api: TestClient, run: dict[str, Any]) -> None:
    plain = scanned(api, run)
    planted = scanned(api, run, fresh=True, canaries=M)
    assert planted["canaries"] == M
    assert planted["summary"]["computed"] == (N + M) * K
    for table in ("scores", "flags"):
        assert rows(table, planted) == rows(table, plain)
    assert without_canaries(planted["summary"]) == without_canaries(plain["summary"])
    assert planted["flagged_count"] == plain["flagged_count"]
    assert planted["progress"]["examples_done"] == planted["progress"]["example_count"] == N
    assert planted["progress"]["shard_count"] == plain["progress"]["shard_count"] + 2


def test_the_recall_is_that_of_examples_relabelled_one_at_a_time(
    api: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    """Each canary as a real example: the data with its one wrong label, scanned as a whole."""
    found = scanned(api, run, canaries=5, policy={"kind": "top_k", "k": 120})
    dataset = dataset_of(run)
    canaries = plant(store_of(dataset), 5)
    hits = 0
    for number, (position, label) in enumerate(
        zip(canaries.positions, canaries.labels, strict=True)
    ):
        arrays = blobs(N)
        arrays["y"] = arrays["y"].copy()
        assert arrays["y"][position] != label
        arrays["y"][position] = label
        np.savez(data_dir / f"{number}.npz", **arrays)
        body = blobs_body(data_dir / f"{number}.npz", version=f"with-{number}")
        other = post(api, "/datasets", body)
        index(other["id"])
        spec = {"name": "again", "dataset_id": other["id"], "model": linear_spec()}
        again = post(api, "/runs", spec)
        for each in get(api, f"/runs/{run['id']}/checkpoints"):
            checkpoint = {name: each[name] for name in ("uri", "step", "eta")}
            post(api, f"/runs/{again['id']}/checkpoints", checkpoint)
        real = scanned(api, again, fresh=True, policy={"kind": "top_k", "k": 120})
        hits += any(row[0] == position for row in rows("flags", real))
    summary = found["summary"]["canaries"]
    assert (summary["planted"], summary["caught"], summary["missed"]) == (5, hits, 5 - hits)
    assert 0 < hits < 5


def test_they_are_reused_and_never_taken_for_examples(
    api: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    first = scanned(api, run, canaries=M)
    same = scanned(api, run, canaries=M, policy={"kind": "share", "share": 0.5})
    assert (same["summary"]["computed"], same["summary"]["reused"]) == (0, (N + M) * K)
    assert same["summary"]["canaries"]["curve"] == first["summary"]["canaries"]["curve"]
    more = scanned(api, run, canaries=M + 10)
    assert more["summary"]["computed"] == 10 * K
    # The data as the canaries had them: what was planted there are examples here.
    canaries = plant(store_of(dataset_of(run)), M)
    arrays = blobs(N)
    arrays["y"] = arrays["y"].copy()
    arrays["y"][canaries.positions] = canaries.labels
    np.savez(data_dir / "planted.npz", **arrays)
    other = post(api, "/datasets", blobs_body(data_dir / "planted.npz", version="2"))
    index(other["id"])
    spec = {"name": "again", "dataset_id": other["id"], "model": linear_spec()}
    again = post(api, "/runs", spec)
    for each in get(api, f"/runs/{run['id']}/checkpoints"):
        body = {name: each[name] for name in ("uri", "step", "eta")}
        post(api, f"/runs/{again['id']}/checkpoints", body)
    real = scanned(api, again)
    assert real["summary"]["computed"] == M * K
    fresh = scanned(api, again, fresh=True)
    np.testing.assert_allclose(
        [row[4] for row in rows("scores", real)], [row[4] for row in rows("scores", fresh)], 1e-5
    )


def test_a_killed_worker_and_a_retry_change_nothing(api: TestClient, run: dict[str, Any]) -> None:
    whole = scanned(api, run, fresh=True, canaries=M)
    scan = post(api, "/scans", {"run_id": run["id"], "fresh": True, "canaries": M})["id"]
    plan(scan)
    for _ in range(5):  # four shards of examples, the first of the canaries
        run_next_shard(UUID(scan))
    post(api, f"/scans/{scan}/cancel", status=200)
    close_session(UUID(scan))
    post(api, f"/scans/{scan}/retry", status=200)
    plan(scan)
    score_all(scan)
    found = get(api, f"/scans/{scan}")
    assert found["status"] == "complete", found["failure"]
    assert found["summary"]["canaries"] == whole["summary"]["canaries"]
    assert found["summary"]["computed"] == (N + M) * K


def test_while_they_are_scored_there_is_time_left(api: TestClient, run: dict[str, Any]) -> None:
    scan = post(api, "/scans", {"run_id": run["id"], "fresh": True, "canaries": M})["id"]
    plan(scan)
    for _ in range(4):  # all shards of examples, none of the canaries
        run_next_shard(UUID(scan))
    progress = get(api, f"/scans/{scan}")["progress"]
    assert progress["examples_done"] == progress["example_count"] == N
    assert progress["seconds_left"] > 0


def test_the_cost_counts_them(api: TestClient, run: dict[str, Any]) -> None:
    asked = estimate(api, run, canaries=M)["result"]["choices"][0]
    assert asked["results_to_compute"] == (N + M) * K
    scanned(api, run, canaries=M)
    asked = estimate(api, run, canaries=M)["result"]["choices"][0]
    assert (asked["results_to_compute"], asked["results_reused"]) == (0, (N + M) * K)


def test_more_than_there_are_examples_is_refused(api: TestClient, run: dict[str, Any]) -> None:
    refused = post(api, "/scans", {"run_id": run["id"], "canaries": N + 1}, status=422)
    assert refused["errors"][0]["field"] == "canaries"


def test_a_target_is_shifted(api: TestClient, data_dir: Path) -> None:
    arrays = blobs(N)
    arrays["y"] = arrays["x"].sum(1).astype(float)
    np.savez(data_dir / "targets.npz", **arrays)
    body = blobs_body(data_dir / "targets.npz", task="regression", name="targets")
    dataset = post(api, "/datasets", body)
    index(dataset["id"])
    spec = {
        "name": "line",
        "dataset_id": dataset["id"],
        "model": linear_spec(outputs=1),
        "loss": "squared_error",
    }
    made = post(api, "/runs", spec)
    path = save_weights(data_dir / "line.safetensors", outputs=1)
    post(api, f"/runs/{made['id']}/checkpoints", {"uri": str(path), "step": 1, "eta": 0.1})
    found = scanned(api, made, canaries=20)
    assert found["summary"]["canaries"]["planted"] == 20
    assert found["summary"]["canaries"]["classes"] == []
    canaries = plant(store_of(dataset_of(made)), 20)
    moved = np.abs(canaries.labels - arrays["y"][canaries.positions])
    np.testing.assert_allclose(moved, SHIFT * arrays["y"].std())


def test_targets_that_are_all_the_same_cannot_be_wrong(api: TestClient, data_dir: Path) -> None:
    arrays = blobs(N)
    arrays["y"] = np.ones(N)
    np.savez(data_dir / "ones.npz", **arrays)
    body = blobs_body(data_dir / "ones.npz", task="regression", name="ones")
    dataset = post(api, "/datasets", body)
    index(dataset["id"])
    spec = {
        "name": "line",
        "dataset_id": dataset["id"],
        "model": linear_spec(outputs=1),
        "loss": "squared_error",
    }
    made = post(api, "/runs", spec)
    path = save_weights(data_dir / "line.safetensors", outputs=1)
    post(api, f"/runs/{made['id']}/checkpoints", {"uri": str(path), "step": 1, "eta": 0.1})
    scan = post(api, "/scans", {"run_id": made["id"], "canaries": 5})
    plan(scan["id"])
    failed = get(api, f"/scans/{scan['id']}")
    assert failed["status"] == "failed"
    assert failed["failure"]["title"] == "No error to plant"


def test_the_sample_is_uniform_and_labels_are_wrong(api: TestClient, data_dir: Path) -> None:
    store = store_of(dataset_of({"dataset_id": make_dataset(api, data_dir, 3000)["id"]}))
    given = store.keys_and_labels(0, len(store))[1]
    few, many = plant(store, 300), plant(store, 1500)
    assert set(few.positions) < set(many.positions)
    wrong = many.labels - given[many.positions]
    assert (wrong != 0).all()
    # Half of the other two classes each, and half from each half: within four deviations.
    ups = np.count_nonzero(wrong % 3 == 1)
    first = np.count_nonzero(many.positions < 1500)
    assert abs(ups - 750) < 4 * np.sqrt(1500 / 4)
    assert abs(first - 750) < 4 * np.sqrt(1500 / 8)


def test_of_examples_that_are_alike_each_is_drawn_by_itself(
    api: TestClient, data_dir: Path
) -> None:
    """All of a kind or none of it would be one trial that counts as hundreds."""
    arrays = blobs(N)
    kinds = np.arange(1500) % 3
    np.savez(
        data_dir / "alike.npz",
        x=arrays["x"][kinds],
        y=kinds,
        id=np.array([f"point-{at}" for at in range(1500)]),
    )
    dataset = post(api, "/datasets", blobs_body(data_dir / "alike.npz", name="alike"))
    index(dataset["id"])
    store = store_of(dataset_of({"dataset_id": dataset["id"]}))
    canaries = plant(store, 300)
    drawn = np.bincount(kinds[canaries.positions], minlength=3)
    # A hundred of each kind, within four deviations.
    assert (abs(drawn - 100) < 4 * np.sqrt(300 * 2 / 9)).all()
    assert set(canaries.positions) < set(plant(store, 301).positions)
    wrong = (canaries.labels - kinds[canaries.positions]) % 3
    assert abs(np.count_nonzero(wrong == 1) - 150) < 4 * np.sqrt(300 / 4)
    assert (wrong > 0).all()


@given(
    real=st.lists(st.integers(0, 8), min_size=1, max_size=30),
    score=st.integers(0, 8),
    at=st.integers(0, 29),
    high=st.booleans(),
    most=st.integers(1, 30),
)
def test_a_canary_stands_where_it_would_stand_as_an_example(
    real: list[int], score: int, at: int, high: bool, most: int
) -> None:
    """Alone among the real ones, last of its equals."""
    numbers, place = np.array(real, float), at % len(real)
    usable = np.ones(len(real), bool)
    found = places(
        np.array([float(score)]),
        np.array([place]),
        numbers,
        rank(numbers, usable, high_is_suspicious=high),
        high_is_suspicious=high,
    )
    others = np.delete(numbers, place)
    expected = 1 + np.count_nonzero(others >= score if high else others <= score)
    assert found.ranks[0] == expected
    policy = {"kind": "top_k", "k": most}
    caught = flagged(found, np.array([float(score)]), policy, high_is_suspicious=high)
    assert caught[0] == (expected <= most)


def test_what_is_not_finite_is_missed() -> None:
    real = np.arange(10.0)
    ranking = rank(real, np.ones(10, bool), high_is_suspicious=True)
    score = np.array([np.nan, 9.5, 0.5])
    found = places(score, np.array([0, 1, 2]), real, ranking, high_is_suspicious=True)
    told = recall(
        found,
        score,
        {"kind": "threshold", "score": 5.0},
        np.array([0, 1, 1]),
        ["a", "b", "c"],
        high_is_suspicious=True,
    )
    assert (told["planted"], told["caught"], told["missed"], told["not_finite"]) == (3, 1, 2, 1)
    assert [(each["label"], each["caught"]) for each in told["classes"]] == [("a", 0), ("b", 1)]
    assert told["curve"][0] == {"reviewed": 0.0, "caught": 0.0}
    assert told["curve"][-1]["caught"] == pytest.approx(2 / 3)


def test_none_is_none() -> None:
    assert len(Canaries.load(None)) == 0
