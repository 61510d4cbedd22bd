"""Making queues by every policy, and ordering them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.reviews.world import (
    LAB,
    Person,
    add_scan,
    add_world,
    get,
    make_queue,
    post,
    require_sound,
    sql,
)
from tests.support import make_key, make_scan, run_scan

N = 60


@pytest.mark.parametrize(
    ("policy", "where"),
    [
        ({"kind": "top_k", "k": 7}, "rank <= 7"),
        ({"kind": "flagged"}, "rank <= 6"),
        ({"kind": "suspicion", "at_least": 0.8}, "suspicion >= 0.8"),
        ({"kind": "class", "given": "cat"}, "given_label = 2"),
        (
            {"kind": "class", "given": "cat", "suggested": "dog"},
            "given_label = 2 AND predicted_label = 3",
        ),
        ({"kind": "class", "given": "bee", "k": 3}, "given_label = 1 AND of_class <= 3"),
        ({"kind": "each_class", "k": 2}, "of_class <= 2"),
        (
            {
                "kind": "filter",
                "given": ["ant", "cat"],
                "flagged": False,
                "suspicion_at_most": 0.5,
            },
            "given_label IN (0, 2) AND rank > 6 AND suspicion <= 0.5",
        ),
        ({"kind": "filter"}, "true"),
        (
            {"kind": "region", "x": "loss", "y": "margin", "y_from": 5, "y_to": 30, "given": "cat"},
            "margin BETWEEN 5 AND 30 AND given_label = 2",
        ),
        (
            {
                "kind": "region",
                "x": "loss",
                "y": "margin",
                "polygons": [[[0, 8], [9, 8], [0, 40]]],
                "k": 4,
            },
            "margin >= 8 AND margin <= 11",
        ),
        ({"kind": "keys", "keys": ["key-3", "key-58", "key-3", "key-1"]}, "position IN (1, 3, 58)"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_policy_chooses_its_examples_in_order(
    api: TestClient, policy: dict[str, Any], where: str
) -> None:
    made = add_world("lab", N)
    body = {"name": "a queue", "scan_id": str(made.scan_id), "policy": policy}
    queue = post(api, "/queues", body)
    expected = sql(
        "SELECT position, suspicion, given_label, nullif(predicted_label, given_label) FROM ("
        " SELECT *, row_number() OVER (PARTITION BY given_label ORDER BY rank) AS of_class"
        f" FROM scores WHERE scan_id = :scan) s WHERE {where} ORDER BY rank",
        scan=made.scan_id,
    )
    items = sql(
        "SELECT position, priority, given_label, suggested_label, place FROM review_items"
        " ORDER BY place"
    )
    assert [row[:4] for row in items] == expected
    assert [row[4] for row in items] == list(range(1, len(expected) + 1))
    assert queue["item_count"] == len(expected) > 0
    assert (queue["scan_id"], queue["policy"]["kind"]) == (str(made.scan_id), policy["kind"])
    require_sound(queue["id"])


def test_another_score_may_order_and_small_margins_come_first(api: TestClient) -> None:
    made = add_world("lab", N, missing=4)
    body = {"scan_id": str(made.scan_id), "policy": {"kind": "filter"}}
    for order_by, direction in (("loss", "DESC"), ("margin", "ASC")):
        queue = post(api, "/queues", body | {"name": order_by, "order_by": order_by})
        items = sql(
            "SELECT position FROM review_items WHERE queue_id = :q ORDER BY place", q=queue["id"]
        )
        assert items == sql(
            f"SELECT position FROM scores WHERE scan_id = :s ORDER BY {order_by} {direction}"
            " NULLS LAST, position",
            s=made.scan_id,
        )
    assert [queue["name"] for queue in get(api, "/queues")["items"]] == ["margin", "loss"]


def test_what_cannot_be_made_names_the_field(api: TestClient) -> None:
    made = add_world("lab", N)
    body = {"name": "q", "scan_id": str(made.scan_id), "policy": {"kind": "top_k", "k": 5}}
    post(api, "/queues", body)
    for change, status, field in (
        ({}, 409, "name"),
        ({"name": "r", "policy": {"kind": "class", "given": "unicorn"}}, 422, "policy.given"),
        ({"name": "r", "policy": {"kind": "keys", "keys": ["key-1", "no"]}}, 422, "policy.keys"),
        ({"name": "r", "policy": {"kind": "suspicion", "at_least": 1}}, 201, None),
        (
            {"name": "s", "policy": {"kind": "filter", "suspicion_at_most": 0}},
            422,
            "policy",
        ),
        ({"name": "s", "overlap": 0}, 422, "overlap"),
        ({"name": "s", "scan_id": str(made.dataset_id)}, 404, "scan_id"),
        ({"name": "s", "reviewers": [str(made.dataset_id)]}, 422, "reviewers"),
    ):
        answer = api.post(f"{LAB}/queues", json=body | change)
        assert answer.status_code == status, answer.text
        if field:
            assert answer.json()["errors"][0]["field"] == field
    assert {queue["name"] for queue in get(api, "/queues")["items"]} == {"q", "r"}


def test_another_order_keeps_verdicts_claims_and_skips(api: TestClient) -> None:
    queue, made = make_queue(api, N, overlap=2)
    ada, bob = Person(api), Person(api)
    done = [ada.work(queue)["position"] for _ in range(4)]
    disputed = bob.work(queue, "unusable")["position"]
    skipped = bob.work(queue, "skip")["position"]
    held = ada.next(queue)["position"]
    better = add_scan(made.dataset_id, N, seed=31, missing=3)
    answer = post(api, f"/queues/{queue}/reprioritise", {"scan_id": str(better)}, status=200)
    assert (answer["scan_id"], answer["order_scan_id"]) == (str(made.scan_id), str(better))
    order = [
        row[0]
        for row in sql(
            "SELECT position FROM scores WHERE scan_id = :s ORDER BY rank NULLS LAST, position",
            s=better,
        )
    ]
    items = sql("SELECT position FROM review_items ORDER BY place")
    assert [row[0] for row in items] == order
    assert sql("SELECT count(*) FROM review_verdicts") == [(6,)]
    assert sql(
        "SELECT d.place = i.place FROM review_disputes d JOIN review_items i"
        " USING (queue_id, position)"
    ) == [(True,)]
    require_sound(queue)
    assert ada.next(queue)["position"] == held
    ada.decide(queue, held)
    wanted = [p for p in order if p not in {*done, held}]
    assert [ada.work(queue)["position"] for _ in range(10)] == wanted[:10]
    wanted = [p for p in order if p not in {disputed, skipped}]
    assert [bob.work(queue)["position"] for _ in range(10)] == wanted[:10]
    require_sound(queue)


def test_a_queue_is_not_ordered_by_a_scan_of_another_dataset(api: TestClient) -> None:
    queue, _ = make_queue(api)
    other = add_world("lab", 20)
    answer = api.post(f"{LAB}/queues/{queue}/reprioritise", json={"scan_id": str(other.scan_id)})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "scan_id")


def test_a_real_scan_makes_a_queue(api: TestClient, data_dir: Path) -> None:
    scan = make_scan(api, data_dir, 100, policy={"kind": "share", "share": 0.2})
    body = {"name": "real", "scan_id": scan["id"]}
    assert api.post(f"{LAB}/queues", json=body).status_code == 409
    run_scan(scan["id"])
    queue = post(api, "/queues", body)
    flags = get(api, f"/scans/{scan['id']}/flags")["items"]
    assert queue["item_count"] == len(flags) == 20
    ada = Person(api)
    seen = [ada.work(queue["id"]) for _ in range(20)]
    assert [item["key"] for item in seen] == [flag["key"] for flag in flags]
    assert [item["suggested_label"] for item in seen] == [f["suggested_label"] for f in flags]
    assert ada.next(queue["id"]) is None


def test_a_queue_is_not_seen_from_another_project(api: TestClient) -> None:
    queue, _ = make_queue(api)
    make_key("other")
    eve = Person(api, "admin", project="other")
    for path in ("next", "close", "undo"):
        answer = eve.client.post(
            f"/api/v1/projects/other/queues/{queue}/{path}",
            json={"token": "7b0f9f6e-2f0e-4b0f-9c85-1f6d6f0f3f55"},
        )
        assert answer.status_code == 404
    assert eve.client.get(f"{LAB}/queues/{queue}").status_code == 404


def test_making_and_closing_is_in_the_audit_log(api: TestClient) -> None:
    queue, _ = make_queue(api)
    post(api, f"/queues/{queue}/close", status=200)
    post(api, f"/queues/{queue}/reopen", status=200)
    actions = sql(
        "SELECT action FROM audit_entries WHERE subject = :s ORDER BY id", s=f"queue {queue}"
    )
    assert [row[0] for row in actions] == ["create_queue", "close_queue", "reopen_queue"]
