"""Nothing is computed twice, and what is taken from earlier scans is what would be computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from sqlalchemy import text

from app.artifacts import ArtifactStore
from app.db import reading
from app.scans.words import coverage_in_words
from app.settings import settings
from tests.support import (
    blobs,
    blobs_body,
    get,
    index,
    linear_spec,
    linear_weights,
    make_dataset,
    make_run,
    plan,
    post,
    run_scan,
    save_weights,
    score_all,
)
from workers.influence import CheckpointScores
from workers.scanning.columns import KEPT_CLASSES, ShardColumns, scores_of
from workers.scanning.reuse import cut_into_shards
from workers.scanning.shards import run_next_shard

N, K, SHARD = 200, 2, 64  # the tests' shard size


def scanned(api: TestClient, run: dict[str, Any], **body: Any) -> dict[str, Any]:
    scan = post(api, "/scans", {"run_id": run["id"]} | body)
    run_scan(scan["id"])
    found: dict[str, Any] = get(api, f"/scans/{scan['id']}")
    assert found["status"] == "complete", found["failure"]
    return found


def scores(scan: dict[str, Any]) -> np.ndarray:
    """(n, columns + k), by position."""
    with reading() as db:
        rows = db.execute(
            text(
                "SELECT position, rank, suspicion, self_influence, self_influence_equal,"
                " last_layer, loss, margin, el2n, predicted_label, probability,"
                " given_probability, terms FROM scores WHERE scan_id = :s ORDER BY position"
            ),
            {"s": scan["id"]},
        )
        return np.array([[*row[:-1], *row.terms] for row in rows], float)


def same_as_fresh(api: TestClient, run: dict[str, Any], scan: dict[str, Any]) -> None:
    fresh = scanned(api, run, fresh=True)
    assert fresh["summary"]["reused"] == 0
    assert fresh["summary"]["computed"] == len(scores(fresh)) * len(scan["checkpoint_ids"])
    np.testing.assert_allclose(scores(scan), scores(fresh), rtol=1e-5, atol=1e-9)


@pytest.fixture
def run(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return make_run(api, data_dir, make_dataset(api, data_dir, N), K)


def add_checkpoint(api: TestClient, run: dict[str, Any], folder: Path, step: int) -> None:
    path = save_weights(folder / f"at-{step}.safetensors", seed=step)
    body = {"uri": str(path), "step": step, "eta": 0.05}
    post(api, f"/runs/{run['id']}/checkpoints", body)


def register_copy(
    api: TestClient, folder: Path, run: dict[str, Any], arrays: dict[str, Any]
) -> dict[str, Any]:
    """A run like `run`, with the same checkpoint files, on another version of the data."""
    path = folder / "second.npz"
    np.savez(path, **arrays)
    dataset = post(api, "/datasets", blobs_body(path, version="2"))
    index(dataset["id"])
    spec = {"name": "again", "dataset_id": dataset["id"], "model": linear_spec()}
    made: dict[str, Any] = post(api, "/runs", spec)
    for each in get(api, f"/runs/{run['id']}/checkpoints"):
        body = {name: each[name] for name in ("uri", "step", "eta")}
        post(api, f"/runs/{made['id']}/checkpoints", body)
    return made


def test_another_policy_and_score_compute_nothing(api: TestClient, run: dict[str, Any]) -> None:
    first = scanned(api, run)
    assert (first["summary"]["computed"], first["summary"]["reused"]) == (N * K, 0)
    second = scanned(api, run, score="loss", policy={"kind": "top_k", "k": 3}, weighting="equal")
    assert (second["summary"]["computed"], second["summary"]["reused"]) == (0, N * K)
    assert second["summary"]["reused_from"] == [first["id"]]
    assert second["summary"]["engine_seconds"] == 0
    assert second["summary"]["coverage"] == first["summary"]["coverage"]
    assert second["flagged_count"] == 3
    np.testing.assert_array_equal(scores(first)[:, 3:], scores(second)[:, 3:])


def test_another_precision_shares_nothing_and_states_its_error(
    api: TestClient, run: dict[str, Any]
) -> None:
    exact = scanned(api, run)
    assert exact["precision"] == "full"
    assert exact["summary"]["coverage"]["precision_error"] is None
    rough = scanned(api, run, precision="bf16")
    assert (rough["precision"], rough["summary"]["reused"]) == ("bf16", 0)
    stated = rough["summary"]["coverage"]["precision_error"]
    assert 0 < stated["median"] < 0.05
    off = np.abs(scores(rough)[:, 3] / scores(exact)[:, 3] - 1)
    assert 0 < np.median(off) < 0.05
    words = coverage_in_words(rough["summary"]["coverage"])
    assert words is not None
    assert "in bf16: off by" in words[1]


def test_one_more_checkpoint_computes_only_that(
    api: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    scanned(api, run)
    add_checkpoint(api, run, data_dir, 15)  # between the others
    second = scanned(api, run)
    assert (second["summary"]["computed"], second["summary"]["reused"]) == (N, N * K)
    same_as_fresh(api, run, second)


def test_relabelled_and_reordered_examples(
    api: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    """Another version: some other labels, some new examples, another order, other keys."""
    first = scanned(api, run)
    arrays = blobs(N)
    order = np.random.default_rng(3).permutation(N)
    arrays = {name: values[order] for name, values in arrays.items()}
    arrays["y"] = arrays["y"].copy()
    arrays["y"][:4] = (arrays["y"][:4] + 1) % 3
    arrays["x"][10:13] += 1
    arrays["id"] = np.array([f"new-{i}" for i in range(N)])
    second_run = register_copy(api, data_dir, run, arrays)
    second = scanned(api, second_run)
    assert second["summary"]["computed"] == 7 * K
    assert second["summary"]["reused_from"] == [first["id"]]
    same_as_fresh(api, second_run, second)


def test_a_scan_may_draw_on_several_earlier_ones(
    api: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    ids = [each["id"] for each in get(api, f"/runs/{run['id']}/checkpoints")]
    one = scanned(api, run, checkpoints=ids[:1])
    other = scanned(api, run, checkpoints=ids[1:])
    both = scanned(api, run)
    assert both["summary"]["computed"] == 0
    assert set(both["summary"]["reused_from"]) == {one["id"], other["id"]}
    same_as_fresh(api, run, both)


def test_finished_shards_of_a_cancelled_scan_count(api: TestClient, run: dict[str, Any]) -> None:
    cancelled = post(api, "/scans", {"run_id": run["id"]})["id"]
    plan(cancelled)
    run_next_shard(UUID(cancelled))
    post(api, f"/scans/{cancelled}/cancel", status=200)
    second = scanned(api, run)
    assert second["summary"]["computed"] == (N - SHARD) * K
    same_as_fresh(api, run, second)


def test_other_layers_share_nothing(api: TestClient, run: dict[str, Any]) -> None:
    scanned(api, run)
    assert scanned(api, run, layers=["*.bias"])["summary"]["reused"] == 0


def test_other_weights_share_nothing(api: TestClient, data_dir: Path, run: dict[str, Any]) -> None:
    scanned(api, run)
    other = post(
        api, "/runs", {"name": "b", "dataset_id": run["dataset_id"], "model": linear_spec()}
    )
    add_checkpoint(api, other, data_dir, 10)
    assert scanned(api, other)["summary"]["reused"] == 0


def test_lost_artifacts_are_computed_again(api: TestClient, run: dict[str, Any]) -> None:
    first = scanned(api, run)
    second = post(api, "/scans", {"run_id": run["id"]})["id"]
    plan(second)
    with reading() as db:
        lost = db.scalar(
            text("SELECT artifact FROM scan_shards WHERE scan_id = :s AND number = 1"),
            {"s": first["id"]},
        )
    ArtifactStore(settings().artifacts).delete(lost)
    score_all(second)
    found = get(api, f"/scans/{second}")
    assert found["status"] == "complete", found["failure"]
    assert found["summary"]["computed"] == SHARD * K
    np.testing.assert_allclose(scores(first), scores(found), rtol=1e-5)


def test_not_finite_stays_so(api: TestClient, data_dir: Path, run: dict[str, Any]) -> None:
    weights = linear_weights(seed=5)
    first = next(iter(weights))
    weights[first] = weights[first] * 1e38
    save_file(weights, data_dir / "huge.safetensors")
    body = {"uri": str(data_dir / "huge.safetensors"), "step": 99, "eta": 0.1}
    post(api, f"/runs/{run['id']}/checkpoints", body)
    one, two = scanned(api, run), scanned(api, run)
    assert one["summary"]["non_finite"] > 0
    assert two["summary"]["computed"] == 0
    assert two["summary"]["non_finite"] == one["summary"]["non_finite"]


@given(
    missing=st.lists(st.lists(st.booleans(), min_size=2, max_size=2), min_size=1, max_size=300),
    size=st.integers(1, 40),
)
def test_shards_cover_everything_once_with_bounded_work(
    missing: list[list[bool]], size: int
) -> None:
    lacking = np.array(missing)
    ranges = cut_into_shards(len(lacking), lacking, size)
    assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
    assert ranges[-1][1] == len(lacking)
    for start, stop in ranges:
        assert stop - start <= 16 * size
        assert lacking[start:stop].mean(1).sum() <= size + 1e-6


def test_much_work_left_is_cut_as_if_all_were() -> None:
    everything = np.ones((1000, 3), bool)
    assert cut_into_shards(1000, everything, 256) == cut_into_shards(1000, None, 256)


def test_of_many_classes_the_likely_ones_decide() -> None:
    rng = np.random.default_rng(0)
    n, classes = 50, 5 * KEPT_CLASSES
    columns = ShardColumns(n, 2)
    beliefs = []
    for at in range(2):
        logits = 4 * rng.normal(size=(n, classes))
        belief = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        beliefs.append(belief)
        numbers = [rng.random(n) for _ in range(5)]
        columns.put(np.arange(n), at, CheckpointScores(*numbers, belief))
    labels = np.mean(beliefs, axis=0).argmax(1)
    found = scores_of(columns.arrays, [1.0, 1.0], labels)
    np.testing.assert_array_equal(found["predicted"], labels)
    np.testing.assert_allclose(found["given_probability"], np.mean(beliefs, axis=0).max(1), 1e-3)
