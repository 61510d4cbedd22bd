"""Scans through the API; the workers' jobs are called by hand, in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.support import (
    LAB,
    blobs,
    get,
    linear_weights,
    make_dataset,
    make_run,
    make_scan,
    plan,
    post,
    run_scan,
    save_blobs,
)


@pytest.fixture
def complete(api: TestClient, data_dir: Path) -> dict[str, Any]:
    scan = make_scan(api, data_dir, n=200)
    run_scan(scan["id"])
    done: dict[str, Any] = get(api, f"/scans/{scan['id']}")
    assert done["status"] == "complete", done["failure"]
    return done


def expected_terms(n: int, seed: int) -> np.ndarray:
    """|gradient|² of a linear model under cross-entropy, worked out by hand: (n,)."""
    arrays = blobs(n)
    state = {name: t.double().numpy() for name, t in linear_weights(seed=seed).items()}
    weight = next(t for t in state.values() if t.ndim == 2)
    bias = next(t for t in state.values() if t.ndim == 1)
    x = arrays["x"].astype(float)
    logits = x @ weight.T + bias
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(n), arrays["y"]] -= 1
    return np.asarray((p**2).sum(1) * ((x**2).sum(1) + 1))


def all_scores(api: TestClient, scan: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    """Every page, small ones."""
    items: list[dict[str, Any]] = []
    after = None
    while True:
        more = {"after": after} if after else {}
        page = get(api, f"/scans/{scan['id']}/scores", limit=37, **params, **more)
        items += page["items"]
        after = page["next"]
        if after is None:
            return items


def test_scores_are_self_influence(api: TestClient, complete: dict[str, Any]) -> None:
    scores = all_scores(api, complete, order="position")
    terms = np.stack([expected_terms(200, seed=0), expected_terms(200, seed=1)], axis=1)
    assert [score["position"] for score in scores] == list(range(200))
    np.testing.assert_allclose([score["terms"] for score in scores], terms, rtol=1e-4)
    np.testing.assert_allclose(
        [score["self_influence"] for score in scores], terms @ [0.1, 0.05], rtol=1e-4
    )
    np.testing.assert_allclose(
        [score["self_influence_equal"] for score in scores], terms.mean(1), rtol=1e-4
    )
    # A linear model is its own last layer.
    np.testing.assert_allclose(
        [score["last_layer"] for score in scores],
        [score["self_influence"] for score in scores],
        rtol=1e-6,
    )


def test_ranks_follow_the_score(api: TestClient, complete: dict[str, Any]) -> None:
    scores = all_scores(api, complete)
    assert [score["rank"] for score in scores] == list(range(1, 201))
    values = [score["self_influence"] for score in scores]
    assert values == sorted(values, reverse=True)
    suspicions = [score["suspicion"] for score in scores]
    assert suspicions == sorted(suspicions, reverse=True)
    assert 0 < suspicions[-1] < suspicions[0] < 1


def test_pages_of_every_order_add_up(api: TestClient, complete: dict[str, Any]) -> None:
    from app.scans.schemas import Order

    for order in Order:
        scores = all_scores(api, complete, order=order.value)
        assert sorted(score["position"] for score in scores) == list(range(200))
        values = [score[order.value] for score in scores]
        ascending = order.value in ("rank", "position", "margin", "given_probability")
        assert values == sorted(values, reverse=not ascending), order


def test_flags_are_the_first_tenth_with_words(api: TestClient, complete: dict[str, Any]) -> None:
    flags = get(api, f"/scans/{complete['id']}/flags")["items"]
    assert [flag["rank"] for flag in flags] == list(range(1, 21))
    assert complete["flagged_count"] == 20
    for flag in flags:
        score = get(api, f"/scans/{complete['id']}/scores/{flag['position']}")
        assert score["flagged"]
        assert flag["given_label"] == score["given_label"]
        if score["predicted_label"] == score["given_label"]:
            assert flag["suggested_label"] is None
        else:
            assert flag["suggested_label"] == score["predicted_label"]
        assert flag["reason"].startswith("Harder to fit than")
        assert f"of class {flag['given_label']}" in flag["reason"]


def test_filters_by_class_and_prediction(api: TestClient, complete: dict[str, Any]) -> None:
    labels = blobs(200)["y"]
    ones = all_scores(api, complete, label="1")
    assert len(ones) == int((labels == 1).sum())
    assert {score["given_label"] for score in ones} == {"1"}
    assert [score["rank"] for score in ones] == sorted(score["rank"] for score in ones)
    wrong = all_scores(api, complete, label="1", predicted="2")
    assert {(s["given_label"], s["predicted_label"]) for s in wrong} <= {("1", "2")}
    assert len(all_scores(api, complete, flagged=True)) == 20
    flagged = get(api, f"/scans/{complete['id']}/flags", label="1")["items"]
    assert {flag["given_label"] for flag in flagged} <= {"1"}
    unknown = api.get(f"{LAB}/scans/{complete['id']}/scores", params={"label": "seven"})
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["field"] == "label"


def test_an_example_is_found_by_its_key(api: TestClient, complete: dict[str, Any]) -> None:
    by_key = get(api, f"/scans/{complete['id']}/scores-by-key", key="point-00042")
    assert by_key == get(api, f"/scans/{complete['id']}/scores/42")
    missing = api.get(f"{LAB}/scans/{complete['id']}/scores-by-key", params={"key": "nobody"})
    assert missing.status_code == 404
    assert api.get(f"{LAB}/scans/{complete['id']}/scores/200").status_code == 404


def test_the_summary_counts_what_the_flags_say(api: TestClient, complete: dict[str, Any]) -> None:
    summary = complete["summary"]
    labels = blobs(200)["y"]
    assert sum(summary["histogram"]["counts"]) == 200
    assert sum(summary["histogram"]["flagged"]) == 20
    assert [each["examples"] for each in summary["classes"]] == np.bincount(labels).tolist()
    assert sum(each["flagged"] for each in summary["classes"]) == 20
    flags = get(api, f"/scans/{complete['id']}/flags")["items"]
    suggested = [flag for flag in flags if flag["suggested_label"] is not None]
    assert sum(pair["count"] for pair in summary["pairs"]) == len(suggested)
    last = get(api, f"/scans/{complete['id']}/scores/{flags[-1]['position']}")
    assert summary["cut"] == pytest.approx(last["self_influence"])
    assert summary["coverage"]["scored"] == summary["coverage"]["total"] == 15
    assert [each["step"] for each in summary["checkpoints"]] == [10, 20]


@pytest.mark.parametrize(
    ("policy", "flagged"),
    [
        ({"kind": "top_k", "k": 7}, 7),
        ({"kind": "top_k", "k": 10_000}, 200),
        ({"kind": "share", "share": 0.25}, 50),
        ({"kind": "share", "share": 1e-9}, 1),
    ],
)
def test_policies(api: TestClient, data_dir: Path, policy: dict[str, Any], flagged: int) -> None:
    scan = make_scan(api, data_dir, policy=policy)
    run_scan(scan["id"])
    assert get(api, f"/scans/{scan['id']}")["flagged_count"] == flagged


def test_a_threshold_is_in_the_unit_of_the_score(api: TestClient, data_dir: Path) -> None:
    terms = np.stack([expected_terms(200, seed=0), expected_terms(200, seed=1)], axis=1)
    values = np.sort(terms.mean(1))
    threshold = float(values[-13:-11].mean())
    scan = make_scan(
        api, data_dir, policy={"kind": "threshold", "score": threshold}, weighting="equal"
    )
    run_scan(scan["id"])
    assert get(api, f"/scans/{scan['id']}")["flagged_count"] == 12


def test_a_margin_ranks_the_smallest_first(api: TestClient, data_dir: Path) -> None:
    scan = make_scan(api, data_dir, score="margin")
    run_scan(scan["id"])
    margins = [score["margin"] for score in all_scores(api, scan)]
    assert margins == sorted(margins)


def test_some_checkpoints_only(api: TestClient, data_dir: Path) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir), checkpoints=3)
    ids = [each["id"] for each in get(api, f"/runs/{run['id']}/checkpoints")]
    scan = post(api, "/scans", {"run_id": run["id"], "checkpoints": [ids[2], ids[0]]})
    assert scan["checkpoint_ids"] == [ids[0], ids[2]]
    run_scan(scan["id"])
    terms = get(api, f"/scans/{scan['id']}/scores/0")["terms"]
    np.testing.assert_allclose(
        terms, [expected_terms(200, seed=0)[0], expected_terms(200, seed=2)[0]], rtol=1e-4
    )
    stranger = api.post(f"{LAB}/scans", json={"run_id": run["id"], "checkpoints": [str(uuid4())]})
    assert stranger.status_code == 422
    assert stranger.json()["errors"][0]["field"] == "checkpoints"


def test_progress_and_results_before_the_end(api: TestClient, data_dir: Path) -> None:
    scan = make_scan(api, data_dir, n=200)
    assert scan["status"] == "queued"
    plan(scan["id"])
    running = get(api, f"/scans/{scan['id']}")
    assert running["status"] == "running"
    assert running["progress"]["shard_count"] == 4  # 200 examples in shards of 64
    assert running["progress"]["examples_done"] == 0
    for path in ("scores", "flags", "scores/0"):
        early = api.get(f"{LAB}/scans/{scan['id']}/{path}")
        assert early.status_code == 409
        assert early.json()["remedy"]
    from uuid import UUID

    from workers.scanning.shards import run_next_shard

    run_next_shard(UUID(scan["id"]))
    progress = get(api, f"/scans/{scan['id']}")["progress"]
    assert progress["examples_done"] == 64
    assert progress["shards_done"] == 1
    assert progress["examples_per_second"] > 0
    assert progress["seconds_left"] > 0


def test_events_tell_the_end(api: TestClient, complete: dict[str, Any]) -> None:
    with api.stream("GET", f"{LAB}/scans/{complete['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = list(stream.iter_lines())
    assert "event: end" in lines
    data = next(line for line in lines if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["status"] == "complete"
    assert api.get(f"{LAB}/scans/{uuid4()}/events").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"run_id": str(uuid4())}, 404, "run_id"),
        ({"policy": {"kind": "top_k", "k": 0}}, 422, "policy.top_k.k"),
        ({"policy": {"kind": "best"}}, 422, "policy"),
        ({"weighting": "sqrt"}, 422, "weighting"),
        ({"precision": "fp8"}, 422, "precision"),
        ({"layers": []}, 422, None),
    ],
)
def test_a_malformed_scan_names_the_field(
    api: TestClient, data_dir: Path, body: dict[str, Any], status: int, field: str | None
) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir))
    problem = post(api, "/scans", {"run_id": run["id"]} | body, status=status)
    if field:
        assert [error["field"] for error in problem["errors"]] == [field]
    assert get(api, "/scans")["items"] == []


def test_a_run_without_checkpoints_cannot_be_scanned(api: TestClient, data_dir: Path) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir), checkpoints=0)
    problem = post(api, "/scans", {"run_id": run["id"]}, status=422)
    assert "checkpoints" in problem["remedy"]


def test_a_dataset_that_is_not_indexed_cannot_be_scanned(api: TestClient, data_dir: Path) -> None:
    from tests.support import blobs_body

    dataset = post(api, "/datasets", blobs_body(save_blobs(data_dir)))
    run = make_run(api, data_dir, dataset)
    assert post(api, "/scans", {"run_id": run["id"]}, status=409)["remedy"]


def test_an_example_that_is_not_finite_is_said_so_and_never_scored(
    api: TestClient, data_dir: Path
) -> None:
    from tests.support import blobs_body, index

    arrays = blobs(100)
    arrays["x"][11] = 3e38  # its gradient overflows in float32
    np.savez(data_dir / "huge.npz", **arrays)
    dataset = post(api, "/datasets", blobs_body(data_dir / "huge.npz"))
    index(dataset["id"])
    run = make_run(api, data_dir, dataset)
    scan = post(api, "/scans", {"run_id": run["id"], "policy": {"kind": "top_k", "k": 100}})
    run_scan(scan["id"])
    done = get(api, f"/scans/{scan['id']}")
    assert done["status"] == "complete", done["failure"]
    assert done["summary"]["non_finite"] == 1
    assert done["flagged_count"] == 99
    score = get(api, f"/scans/{scan['id']}/scores/11")
    assert not score["finite"]
    for name in ("self_influence", "rank", "suspicion", "predicted_label"):
        assert score[name] is None, name
    listed = get(api, f"/scans/{scan['id']}/scores", finite=False, order="position")
    assert [each["key"] for each in listed["items"]] == ["point-00011"]
    assert len(all_scores(api, scan)) == 99
