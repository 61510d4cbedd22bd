"""What an estimate says, against what the scan then does."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.artifacts import ArtifactStore
from app.db import reading, transaction
from app.settings import settings
from tests.support import (
    estimate,
    get,
    linear_spec,
    make_dataset,
    make_run,
    post,
    run_scan,
    save_weights,
)
from workers.scanning.choices import spearman
from workers.scanning.estimate import run_estimate

N, K = 200, 3


@pytest.fixture
def run(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return make_run(api, data_dir, make_dataset(api, data_dir, N), K)


def done(api: TestClient, run: dict[str, Any], **body: Any) -> dict[str, dict[str, Any]]:
    """The choices by name."""
    found = estimate(api, run, **body)
    assert found["status"] == "done", found["failure"]
    return {each["name"]: each for each in found["result"]["choices"]}


def scanned(api: TestClient, run: dict[str, Any], **body: Any) -> dict[str, Any]:
    scan = post(api, "/scans", {"run_id": run["id"]} | body)
    run_scan(scan["id"])
    found: dict[str, Any] = get(api, f"/scans/{scan['id']}")
    assert found["status"] == "complete", found["failure"]
    return found


def ranked_by(api: TestClient, scan: dict[str, Any]) -> np.ndarray:
    page = get(api, f"/scans/{scan['id']}/scores", order="position", limit=1000)
    return np.array([each["self_influence"] for each in page["items"]])


def test_the_ways_to_scan_and_what_each_computes(api: TestClient, run: dict[str, Any]) -> None:
    choices = done(api, run)
    assert {name: each["results_to_compute"] for name, each in choices.items()} == {
        "as_asked": N * K,
        "with_evidence": N * K,
        "last_layer": N * K,
        "every_second_checkpoint": N * 2,
        "last_checkpoint": N,
    }
    for each in choices.values():
        assert each["results_reused"] == 0
        assert 0 < each["scoring_seconds"] < each["seconds"] < 60
        assert each["memory_bytes"] > 0
    asked, alone = choices["as_asked"], choices["last_checkpoint"]
    assert alone["seconds"] < asked["seconds"]
    assert alone["disk_bytes"] < asked["disk_bytes"]
    assert alone["memory_bytes"] < asked["memory_bytes"]
    # All that a choice changes, put over the request, is a scan that computes what was said.
    for each in choices.values():
        started = scanned(api, run, **each["request_changes"], fresh=True)
        assert started["summary"]["computed"] == each["results_to_compute"]


def test_what_earlier_scans_hold_costs_nothing_again(api: TestClient, run: dict[str, Any]) -> None:
    ids = [each["id"] for each in get(api, f"/runs/{run['id']}/checkpoints")]
    scanned(api, run, checkpoints=ids[:2])
    choices = done(api, run)
    counts = {
        name: (each["results_to_compute"], each["results_reused"]) for name, each in choices.items()
    }
    assert counts == {
        "as_asked": (N, 2 * N),
        "with_evidence": (K * N, 0),
        "last_layer": (K * N, 0),
        "every_second_checkpoint": (N, N),
        "last_checkpoint": (N, 0),
    }
    assert scanned(api, run)["summary"]["computed"] == N
    assert done(api, run)["as_asked"]["results_to_compute"] == 0
    assert done(api, run, fresh=True)["as_asked"]["results_to_compute"] == K * N


@pytest.mark.parametrize("evidence", [False, True])
def test_the_disk_it_states_is_what_the_scan_takes(
    api: TestClient, data_dir: Path, evidence: bool
) -> None:
    n = 2000
    run = make_run(api, data_dir, make_dataset(api, data_dir, n), K)
    choices = done(api, run, evidence=evidence)
    stated = choices["as_asked"]["disk_bytes"]
    toggled = choices["without_evidence" if evidence else "with_evidence"]["disk_bytes"]
    sketches = n * (K * (1024 + 4) + 4 * 1024)
    difference = stated - toggled if evidence else toggled - stated
    assert difference == pytest.approx(sketches, rel=0.02)
    with reading() as db:
        before = int(db.scalar(text(_SIZE)) or 0)
    scan = scanned(api, run, evidence=evidence)
    store = ArtifactStore(settings().artifacts)
    with reading() as db:
        names = db.scalars(
            text(
                "SELECT artifact FROM scan_shards WHERE scan_id = :s"
                " UNION ALL SELECT sketches FROM scans WHERE id = :s AND sketches IS NOT NULL"
            ),
            {"s": scan["id"]},
        ).all()
        rows = int(db.scalar(text(_SIZE)) or 0) - before
    taken = rows + sum(store.size(name) for name in names)
    assert 0.7 * taken < stated < 1.4 * taken


_SIZE = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('scores') WHERE isleaf"


def test_agreement_is_that_of_the_scans_themselves(
    api: TestClient, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.scanning import dry_run

    # Batches of the tests' 32 examples; these cover all of them.
    monkeypatch.setattr(dry_run, "_BATCHES", 25)
    monkeypatch.setattr(dry_run, "_COMPARED_S", 60)
    choices = done(api, run)
    whole = ranked_by(api, scanned(api, run))
    assert choices["as_asked"]["rank_agreement"] == 1
    assert choices["last_layer"]["rank_agreement"] == pytest.approx(1)  # the model is one layer
    for name in ("every_second_checkpoint", "last_checkpoint"):
        fewer = ranked_by(api, scanned(api, run, **choices[name]["request_changes"]))
        agreed = choices[name]["rank_agreement"]
        assert agreed == pytest.approx(spearman(whole, fewer), abs=0.1)
        assert agreed < 0.999


def test_no_time_to_compare_is_said_and_not_guessed(
    api: TestClient, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.scanning import dry_run

    monkeypatch.setattr(dry_run, "_COMPARED_S", 0)
    agreed = {name: each["rank_agreement"] for name, each in done(api, run).items()}
    assert agreed.pop("as_asked") == 1
    assert set(agreed.values()) == {None}


def test_one_checkpoint_and_the_last_layer_leave_nothing_to_save(
    api: TestClient, data_dir: Path
) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir, N), 1)
    assert list(done(api, run, layers="last")) == ["as_asked", "with_evidence"]


def test_the_basis_says_what_was_measured(api: TestClient, run: dict[str, Any]) -> None:
    basis = estimate(api, run)["result"]["basis"]
    assert (basis["device"], basis["batch_size"], basis["workers"]) == ("cpu", 32, 1)
    assert basis["batches_timed"] == 5
    assert basis["examples_timed"] == 5 * 32
    assert basis["weights_bytes"] == 4 * 15  # of a linear model, 4 by 3 and a bias
    assert all(basis[name] > 0 for name in basis if name.endswith("_seconds"))


def test_nothing_stays_behind(api: TestClient, run: dict[str, Any]) -> None:
    estimate(api, run)
    left = Path(settings().artifacts) / "estimates"
    assert list(left.iterdir()) == []
    with reading() as db:
        assert db.scalar(text("SELECT count(*) FROM scores")) == 0
        assert db.scalar(text("SELECT count(*) FROM scans")) == 0


@pytest.mark.parametrize(
    ("layers", "field", "words"), [(["no_such_layer"], "layers", "no_such_layer")]
)
def test_what_planning_would_refuse_is_the_reason(
    api: TestClient, run: dict[str, Any], layers: list[str], field: str, words: str
) -> None:
    found = estimate(api, run, layers=layers)
    assert found["status"] == "failed"
    assert words in found["failure"]["detail"]
    assert found["failure"]["remedy"]
    assert found["failure"]["errors"][0]["field"] == field


def test_a_checkpoint_that_is_gone_and_a_model_that_does_not_fit(
    api: TestClient, data_dir: Path
) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir, N), 1)
    for path in data_dir.glob("*.safetensors"):
        path.unlink()
    found = estimate(api, run)
    assert found["status"] == "failed"
    assert "checkpoint at step 10" in found["failure"]["detail"]

    dataset = get(api, "/datasets")["items"][0]
    spec = linear_spec(in_features=9)
    wide = post(api, "/runs", {"name": "wide", "dataset_id": dataset["id"], "model": spec})
    weights = save_weights(data_dir / "wide.safetensors", in_features=9)
    body = {"uri": str(weights), "step": 1, "eta": 0.1}
    post(api, f"/runs/{wide['id']}/checkpoints", body)
    found = estimate(api, wide)
    assert found["failure"]["title"] == "Model does not take the examples"


def test_a_repeated_message_changes_nothing(api: TestClient, run: dict[str, Any]) -> None:
    found = estimate(api, run)
    run_estimate(UUID(found["id"]))
    assert get(api, f"/scans/estimates/{found['id']}") == found


def asked(api: TestClient, run: dict[str, Any]) -> str:
    made: str = post(api, "/scans/estimates", {"run_id": run["id"]}, status=202)["id"]
    return made


def set_row(estimate_id: str, values: str) -> None:
    with transaction() as db:
        db.execute(text(f"UPDATE scan_estimates SET {values} WHERE id = :id"), {"id": estimate_id})


def test_one_that_another_worker_holds_is_left_to_it(api: TestClient, run: dict[str, Any]) -> None:
    made = asked(api, run)
    set_row(
        made,
        "status = 'running', lease_token = gen_random_uuid(),"
        " lease_expires_at = now() + interval '1 min'",
    )
    run_estimate(UUID(made))
    assert get(api, f"/scans/estimates/{made}")["status"] == "running"
    set_row(made, "lease_expires_at = now() - interval '1 s'")
    run_estimate(UUID(made))
    assert get(api, f"/scans/estimates/{made}")["status"] == "done"


def test_the_sweep_asks_again_for_what_was_forgotten_and_ends_what_kills(
    api: TestClient, run: dict[str, Any]
) -> None:
    from app import nudges
    from workers.sweep import sweep

    made = asked(api, run)
    before = nudges.waiting_in(nudges.SCORING_QUEUE)
    sweep()
    assert nudges.waiting_in(nudges.SCORING_QUEUE) == before  # nudged a moment ago
    set_row(made, "nudged_at = now() - interval '1 min'")
    sweep()
    assert nudges.waiting_in(nudges.SCORING_QUEUE) == before + 1
    set_row(made, f"status = 'running', attempts = {settings().max_attempts}")
    sweep()
    found = get(api, f"/scans/estimates/{made}")
    assert found["status"] == "failed"
    assert "BATCH_SIZE" in found["failure"]["remedy"]


def test_spearman_shares_ranks_and_knows_when_it_knows_nothing() -> None:
    one = np.array([1.0, 2, 3, 4, np.nan])
    assert spearman(one, one * 3) == pytest.approx(1)
    assert spearman(one, -one) == pytest.approx(-1)
    # By hand: ranks 1 2 3 4 and 1.5 1.5 3.5 3.5.
    assert spearman(one, np.array([0.0, 0, 5, 5, 1])) == pytest.approx(4 / np.sqrt(20))
    assert spearman(one, np.ones(5)) is None
    assert spearman(one[:2], one[:2]) is None


@pytest.mark.parametrize("n", [1, 70])
def test_a_regression_and_a_single_example(api: TestClient, data_dir: Path, n: int) -> None:
    changes = {"columns": {"input": "x", "label": "y", "key": "id"}, "task": "regression"}
    dataset = make_dataset(api, data_dir, n, **changes)
    spec = linear_spec(outputs=1)
    run = post(
        api,
        "/runs",
        {
            "name": "line",
            "dataset_id": dataset["id"],
            "model": spec,
            "preprocessing": {"target_mean": 1.0, "target_std": 0.8},
        },
    )
    for step in (1, 2):
        path = save_weights(data_dir / f"line-{step}.safetensors", outputs=1, seed=step)
        post(api, f"/runs/{run['id']}/checkpoints", {"uri": str(path), "step": step, "eta": 0.1})
    choices = done(api, run, score="el2n")
    assert choices["as_asked"]["results_to_compute"] == 2 * n
    # EL2N looks at no layer, so the last layer alone ranks the same.
    assert choices["last_layer"]["rank_agreement"] == (None if n == 1 else pytest.approx(1))
