"""Leases, retries, cancelling and the sweep. The database decides; here it is made to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from safetensors.torch import save_file
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import nudges
from app.db import new_id, reading, transaction
from app.scans import job_queries
from app.scans.job_queries import ShardResult
from tests.support import (
    get,
    make_dataset,
    make_run,
    make_scan,
    plan,
    post,
    run_scan,
    save_weights,
    score_all,
    shard_statuses,
    work_on_estimate,
)
from workers.scanning import shards
from workers.scanning.finalise import run_finalising
from workers.scanning.session import close_session
from workers.scanning.shards import run_next_shard
from workers.sweep import sweep

TTL_S = 30.0


def lease(scan_id: str) -> Any:
    token = new_id()
    with transaction() as db:
        return job_queries.lease_next_shard(db, UUID(scan_id), token, "test", TTL_S, 3)


def take_over(scan_id: str) -> Any:
    """Expire a lease and hand it on in one transaction, so that no renewal comes between."""
    with transaction() as db:
        _expire(db)
        return job_queries.lease_next_shard(db, UUID(scan_id), new_id(), "another", TTL_S, 3)


def expire_leases() -> None:
    with transaction() as db:
        _expire(db)


def _expire(db: Session) -> None:
    for table in ("scan_shards", "scans", "datasets"):
        db.execute(
            text(
                f"UPDATE {table} SET lease_expires_at = now() - interval '1 s'"
                " WHERE lease_token IS NOT NULL"
            )
        )


def artifacts(scan_id: str) -> dict[int, str]:
    with reading() as db:
        rows = db.execute(
            text("SELECT number, artifact FROM scan_shards WHERE scan_id = :s"), {"s": scan_id}
        )
        return {row[0]: row[1] for row in rows}


def scores(scan_id: str) -> list[Any]:
    with reading() as db:
        rows = db.execute(
            text(
                "SELECT position, self_influence, loss, margin, el2n, rank, suspicion, terms"
                " FROM scores WHERE scan_id = :s ORDER BY position"
            ),
            {"s": scan_id},
        )
        return [tuple(row) for row in rows]


@pytest.fixture
def running(api: TestClient, data_dir: Path) -> str:
    """A planned scan of four shards."""
    scan = make_scan(api, data_dir, n=200)
    plan(scan["id"])
    assert shard_statuses(scan["id"]) == {"pending": 4}
    return str(scan["id"])


def test_workers_lease_different_shards(running: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        leased = list(pool.map(lambda _: lease(running), range(8)))
    numbers = sorted(shard.number for shard in leased if shard is not None)
    assert numbers == [0, 1, 2, 3]


def test_a_shard_that_outlives_its_lease_is_committed_once(api: TestClient, running: str) -> None:
    """A slow worker comes back after another took its shard over: its commit changes nothing."""
    from app.artifacts import ArtifactStore
    from app.settings import settings

    slow = lease(running)
    expire_leases()
    quick = lease(running)
    assert quick.number == slow.number
    store = ArtifactStore(settings().artifacts)
    late = store.write_bytes(f"scans/{running}/late.npz", b"from the slow worker")
    shards._commit(UUID(running), slow.number, slow.lease_token, ShardResult(late, "cpu", 1, 0.1))
    assert artifacts(running)[slow.number] is None
    assert not store.exists(late)
    expire_leases()
    score_all(running)
    assert get(api, f"/scans/{running}")["status"] == "complete"
    assert len(scores(running)) == 200


def test_a_commit_that_is_repeated_counts_once(running: str) -> None:
    shard = lease(running)
    from app.artifacts import ArtifactStore
    from app.settings import settings

    store = ArtifactStore(settings().artifacts)
    name = store.write_bytes(f"scans/{running}/mine.npz", b"x")
    for _ in range(2):
        shards._commit(
            UUID(running), shard.number, shard.lease_token, ShardResult(name, "cpu", 1, 0.1)
        )
    assert artifacts(running)[shard.number] == name
    assert store.exists(name)
    assert shard_statuses(running) == {"done": 1, "pending": 3}


def test_a_lease_is_renewed_while_it_is_held_only(running: str) -> None:
    shard = lease(running)
    with transaction() as db:
        mine = (UUID(running), shard.number, shard.lease_token)
        assert job_queries.renew_shard(db, *mine, TTL_S, 10)
        assert not job_queries.renew_shard(db, UUID(running), shard.number, new_id(), TTL_S, 10)
    expire_leases()
    other = lease(running)
    assert other.number == shard.number
    with transaction() as db:
        assert not job_queries.renew_shard(db, *mine, TTL_S, 20)


def test_a_double_message_does_nothing(api: TestClient, running: str) -> None:
    score_all(running)
    before = (scores(running), artifacts(running), get(api, f"/scans/{running}"))
    for job in (plan, lambda s: run_next_shard(UUID(s)), lambda s: run_finalising(UUID(s))):
        job(running)
    assert (scores(running), artifacts(running), get(api, f"/scans/{running}")) == before


def test_two_finalisers_at_once_write_once(api: TestClient, running: str) -> None:
    while shard_statuses(running).get("pending"):
        run_next_shard(UUID(running))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: run_finalising(UUID(running)), range(2)))
    assert get(api, f"/scans/{running}")["status"] == "complete"
    assert len(scores(running)) == 200


def test_a_finaliser_that_lost_its_lease_writes_nothing(api: TestClient, running: str) -> None:
    while shard_statuses(running).get("pending"):
        run_next_shard(UUID(running))
    with transaction() as db:
        token = new_id()
        assert job_queries.lease_scan(db, UUID(running), "finalising", token, TTL_S)
    run_finalising(UUID(running))  # held by another
    assert get(api, f"/scans/{running}")["status"] == "finalising"
    expire_leases()
    run_finalising(UUID(running))
    assert get(api, f"/scans/{running}")["status"] == "complete"
    with transaction() as db:
        values = {"status": "failed"}
        assert not job_queries.finish_phase(db, UUID(running), "finalising", token, values)


def test_cancel_stops_and_retry_goes_on_from_there(api: TestClient, running: str) -> None:
    run_next_shard(UUID(running))
    held = lease(running)
    assert post(api, f"/scans/{running}/cancel", status=200)["status"] == "cancelled"
    done = artifacts(running)[0]
    with transaction() as db:
        assert not job_queries.renew_shard(
            db, UUID(running), held.number, held.lease_token, TTL_S, 0
        )
    assert lease(running) is None
    assert post(api, f"/scans/{running}/cancel", status=409)["remedy"]
    assert post(api, f"/scans/{running}/retry", status=200)["status"] == "queued"
    run_scan(running)
    assert get(api, f"/scans/{running}")["status"] == "complete"
    assert artifacts(running)[0] == done
    assert len(scores(running)) == 200
    assert post(api, f"/scans/{running}/retry", status=409)["remedy"]


def test_scores_do_not_depend_on_how_shards_were_done(
    api: TestClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted, retried and resumed, or in one go: the same scores."""
    run = make_run(api, data_dir, make_dataset(api, data_dir))
    calm = post(api, "/scans", {"run_id": run["id"]})["id"]
    run_scan(calm)
    stormy = post(api, "/scans", {"run_id": run["id"], "fresh": True})["id"]
    plan(stormy)
    lease(stormy)
    run_next_shard(UUID(stormy))
    close_session(UUID(stormy))
    expire_leases()
    sweep()
    score_all(stormy)
    assert scores(calm) == scores(stormy)


def test_a_shard_whose_workers_die_three_times_fails_the_scan(
    api: TestClient, running: str
) -> None:
    for _ in range(3):
        shard = lease(running)
        assert shard.number == 0
        expire_leases()
    sweep()
    failed = get(api, f"/scans/{running}")
    assert failed["status"] == "failed"
    assert "Shard 0 failed 3 times" in failed["failure"]["detail"]
    assert failed["failure"]["remedy"]
    post(api, f"/scans/{running}/retry", status=200)
    run_scan(running)
    assert get(api, f"/scans/{running}")["status"] == "complete"


def test_an_error_of_the_users_fails_the_scan_at_once_with_its_reason(
    api: TestClient, data_dir: Path
) -> None:
    scan = make_scan(api, data_dir)
    plan(scan["id"])
    close_session(UUID(scan["id"]))
    weights = next(data_dir.glob("*-1.safetensors"))
    original = weights.read_bytes()
    save_weights(weights, seed=99)  # another file in the place of the registered one
    run_next_shard(UUID(scan["id"]))
    failed = get(api, f"/scans/{scan['id']}")
    assert failed["status"] == "failed"
    assert "SHA-256" in failed["failure"]["detail"]
    assert shard_statuses(scan["id"]) == {}
    weights.write_bytes(original)
    post(api, f"/scans/{scan['id']}/retry", status=200)
    run_scan(scan["id"])
    assert get(api, f"/scans/{scan['id']}")["status"] == "complete"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layers": ["no.such.layer"]}, "no.such.layer"),
        ({"layers": "all"}, "fails on the first examples"),
    ],
)
def test_planning_finds_what_is_wrong_before_any_shard(
    api: TestClient, data_dir: Path, change: dict[str, Any], words: str
) -> None:
    from tests.support import linear_spec

    dataset = make_dataset(api, data_dir)
    # For the second case the model takes five features where the data has four.
    features = 4 if change["layers"] != "all" else 5
    body = {"name": "r", "dataset_id": dataset["id"], "model": linear_spec(features)}
    run = post(api, "/runs", body)
    path = save_weights(data_dir / "w.safetensors", in_features=features)
    post(api, f"/runs/{run['id']}/checkpoints", {"uri": str(path), "step": 1, "eta": 0.1})
    scan = post(api, "/scans", {"run_id": run["id"]} | change)
    plan(scan["id"])
    failed = get(api, f"/scans/{scan['id']}")
    assert failed["status"] == "failed"
    assert words in failed["failure"]["detail"]
    assert failed["failure"]["remedy"]
    assert failed["progress"]["shard_count"] == 0


def test_a_bad_checkpoint_fails_the_scan_with_its_own_reason(
    api: TestClient, data_dir: Path
) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir), checkpoints=1)
    (data_dir / "bad.safetensors").write_bytes(b"nothing of the kind")
    post(
        api,
        f"/runs/{run['id']}/checkpoints",
        {"uri": str(data_dir / "bad.safetensors"), "step": 99, "eta": 0.1},
    )
    scan = post(api, "/scans", {"run_id": run["id"]})
    plan(scan["id"])
    failed = get(api, f"/scans/{scan['id']}")
    assert failed["status"] == "failed"
    assert "step 99" in failed["failure"]["detail"]
    # Known to be bad now: the next scan is refused at once.
    assert post(api, "/scans", {"run_id": run["id"]}, status=409)["remedy"]


def queue_lengths() -> dict[str, int]:
    return {queue: nudges.waiting_in(queue) for queue in ("scans", "cpu")}


def test_the_sweep_finds_what_the_broker_forgot(api: TestClient, running: str) -> None:
    with nudges.sender().connection_for_write() as connection:
        connection.default_channel.client.flushdb()
    assert queue_lengths() == {"scans": 0, "cpu": 0}
    sweep()
    assert queue_lengths()["scans"] == 4
    sweep()
    assert queue_lengths()["scans"] == 4  # nothing is added while messages wait


def test_the_sweep_ends_what_a_dead_worker_left_between_two_steps(
    api: TestClient, running: str
) -> None:
    while shard_statuses(running).get("pending"):
        run_next_shard(UUID(running))
    with transaction() as db:  # as if the worker had died right after its commit
        db.execute(text("UPDATE scans SET status = 'running'"))
    sweep()
    assert get(api, f"/scans/{running}")["status"] == "finalising"
    assert queue_lengths()["cpu"] >= 1


def test_forgotten_plans_and_indexing_are_nudged_again(api: TestClient, data_dir: Path) -> None:
    make_scan(api, data_dir)
    with transaction() as db:
        db.execute(text("UPDATE scans SET nudged_at = now() - interval '1 hour'"))
        db.execute(
            text("UPDATE datasets SET status = 'registered', nudged_at = now() - interval '1 hour'")
        )
        db.execute(text("UPDATE checkpoints SET nudged_at = now() - interval '1 hour'"))
    with nudges.sender().connection_for_write() as connection:
        connection.default_channel.client.flushdb()
    sweep()
    assert queue_lengths()["cpu"] == 4  # one dataset, one scan, two checkpoints
    sweep()
    assert queue_lengths()["cpu"] == 4


def test_a_heartbeat_learns_of_a_lost_lease(running: str) -> None:
    from workers.leases import Heartbeat, LeaseLost

    shard = lease(running)
    renewed = threading.Semaphore(0)

    def renew() -> bool:
        with transaction() as db:
            held = job_queries.renew_shard(
                db, UUID(running), shard.number, shard.lease_token, TTL_S, 0
            )
        renewed.release()
        return held

    with Heartbeat(renew, 0.1) as heartbeat:
        for _ in range(3):
            assert renewed.acquire(timeout=60)
        heartbeat.check()  # still ours
        taken_over = take_over(running)
        assert taken_over.number == shard.number
        assert heartbeat.lost.wait(60)
        with pytest.raises(LeaseLost):
            heartbeat.check()


def test_layers_chosen_by_a_sample(api: TestClient, data_dir: Path) -> None:
    from tests.app.dashboard.steps import signed_in
    from workers.models import build_model

    dataset = make_dataset(api, data_dir)
    spec = {"name": "mlp", "args": {"in_features": 4, "hidden": [32, 32], "classes": 3}}
    run = post(api, "/runs", {"name": "mlp", "dataset_id": dataset["id"], "model": spec})
    model = build_model(spec)
    save_file(model.state_dict(), data_dir / "mlp.safetensors")
    body = {"uri": str(data_dir / "mlp.safetensors"), "step": 1, "eta": 0.1}
    post(api, f"/runs/{run['id']}/checkpoints", body)
    scan = post(api, "/scans", {"run_id": run["id"], "layers": "auto"})
    assert scan["layers"] == "auto"
    run_scan(scan["id"])
    found = get(api, f"/scans/{scan['id']}")
    assert found["status"] == "complete", found["failure"]
    names = [name for name, _ in model.named_parameters()]
    assert found["layers"] == names[-len(found["layers"]) :]  # those nearest the output
    choice = found["summary"]["layer_choice"]
    assert choice["sample"] == 200
    assert 0 < choice["agreement"] <= 1
    excluded = found["summary"]["coverage"]["excluded"]
    assert sorted([*found["layers"], *excluded]) == sorted(names)
    page = signed_in(api).get(f"/projects/lab/scans/{scan['id']}").text
    assert "ranks like all layers" in page
    # The same layers again, and so nothing is left to compute.
    again = post(api, "/scans", {"run_id": run["id"], "layers": "auto", "score": "loss"})
    run_scan(again["id"])
    second = get(api, f"/scans/{again['id']}")
    assert second["layers"] == found["layers"]
    assert second["summary"]["computed"] == 0
    asked = post(api, "/scans/estimates", {"run_id": run["id"], "layers": "auto"}, status=202)
    work_on_estimate(asked["id"])
    estimate = get(api, f"/scans/estimates/{asked['id']}")
    assert estimate["status"] == "done", estimate["failure"]
