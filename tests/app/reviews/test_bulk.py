"""Many items decided at once, looked at before and taken back after."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.reviews.world import LAB, Person, get, make_queue, post, require_sound, sql

PAIR = {"given": "cat", "suggested": "dog"}
TO_DOG = {"kind": "relabel", "label": "dog"}


def _preview(api: TestClient, queue: str, **body: Any) -> Any:
    return post(api, f"/queues/{queue}/batches/preview", body, status=200)


def _pair(queue: str) -> set[int]:
    rows = sql(
        "SELECT position FROM review_items WHERE queue_id = :q AND given_label = 2"
        " AND suggested_label = 3",
        q=queue,
    )
    return {row[0] for row in rows}


def test_a_class_pair_is_previewed_decided_and_undone(api: TestClient) -> None:
    queue, _ = make_queue(api, 100, overlap=2)
    pair = _pair(queue)
    seen = _preview(api, queue, selection=PAIR, verdict=TO_DOG)
    assert (seen["count"], seen["held"], seen["settled"]) == (len(pair), 0, 0)
    assert seen["pairs"] == [{"given_label": "cat", "suggested_label": "dog", "count": len(pair)}]
    assert {example["position"] for example in seen["examples"]} <= pair
    assert sql("SELECT count(*) FROM review_verdicts") == [(0,)]
    batch = post(
        api,
        f"/queues/{queue}/batches",
        {"selection": PAIR, "verdict": TO_DOG, "comment": "the second camera"},
    )
    assert batch["item_count"] == len(pair) > 3
    done = sql(
        "SELECT position, settled_by, outcome, outcome_label FROM review_items WHERE state = 'done'"
    )
    assert {tuple(row) for row in done} == {(p, "batch", "relabel", 3) for p in pair}
    require_sound(queue)
    assert get(api, f"/queues/{queue}")["done"] == len(pair)
    ada = Person(api)
    ada.decide(queue, min(pair), status=409)
    undone = post(api, f"/queues/{queue}/batches/{batch['id']}/undo", status=200)
    assert undone["undone_at"]
    answer = api.post(f"{LAB}/queues/{queue}/batches/{batch['id']}/undo")
    assert answer.json()["type"].endswith("review-batch-undone")
    require_sound(queue)
    assert get(api, f"/queues/{queue}")["done"] == 0
    history = get(api, f"/queues/{queue}/items/{min(pair)}/verdicts")["items"]
    assert [(line["kind"], line["is_undone"]) for line in history] == [
        ("relabel", True),
        ("right", False),
        ("undo", False),
    ]
    assert [line["id"] for line in get(api, f"/queues/{queue}/batches")["items"]] == [batch["id"]]
    actions = sql("SELECT action FROM audit_entries WHERE action LIKE '%batch' ORDER BY id")
    assert [row[0] for row in actions] == ["decide_batch", "undo_batch"]


def test_what_is_in_hand_or_settled_is_left_out_and_said_so(api: TestClient) -> None:
    queue, _ = make_queue(api, 60)
    ada = Person(api)
    done = ada.work(queue)["key"]
    held = ada.next(queue)["key"]
    keys = [f"key-{i}" for i in range(60)]
    seen = _preview(api, queue, selection={"keys": keys}, verdict={"kind": "right"})
    assert (seen["count"], seen["held"], seen["settled"]) == (58, 1, 1)
    batch = post(
        api, f"/queues/{queue}/batches", {"selection": {"keys": keys}, "verdict": {"kind": "right"}}
    )
    assert batch["item_count"] == 58
    ada.decide(queue, int(held.removeprefix("key-")), "unusable")
    assert done != held
    require_sound(queue)
    assert get(api, f"/queues/{queue}")["done"] == 60
    answer = api.post(
        f"{LAB}/queues/{queue}/batches",
        json={"selection": {"keys": keys}, "verdict": {"kind": "right"}},
    )
    assert answer.json()["type"].endswith("review-nothing-selected")


def test_accepting_suggestions_relabels_each_to_its_own(api: TestClient) -> None:
    queue, _ = make_queue(api, 60)
    verdict = {"kind": "accept"}
    seen = _preview(api, queue, selection={"given": "ant"}, verdict=verdict)
    assert seen["without_suggestion"] > 0
    post(api, f"/queues/{queue}/batches", {"selection": {"given": "ant"}, "verdict": verdict})
    rows = sql(
        "SELECT outcome, outcome_label = suggested_label, suggested_label IS NULL"
        " FROM review_items WHERE given_label = 0"
    )
    assert set(rows) == {("relabel", True, False), (None, None, True)}
    assert sum(row[0] == "relabel" for row in rows) == seen["count"]


def test_undone_items_come_back_to_those_who_are_past_them(api: TestClient) -> None:
    queue, _ = make_queue(api, 30)
    first = sql("SELECT position FROM review_items ORDER BY place LIMIT 5")
    keys = [f"key-{row[0]}" for row in first]
    batch = post(
        api, f"/queues/{queue}/batches", {"selection": {"keys": keys}, "verdict": {"kind": "right"}}
    )
    ada = Person(api)
    for _ in range(3):
        assert ada.work(queue)["key"] not in keys
    post(api, f"/queues/{queue}/batches/{batch['id']}/undo", status=200)
    assert [ada.work(queue)["key"] for _ in range(5)] == keys
    require_sound(queue)


def test_a_group_is_checked_by_a_sample_first(api: TestClient) -> None:
    queue, _ = make_queue(api, 200)
    lead = Person(api, "engineer")
    pair = _pair(queue)
    sample = post(lead.client, f"/queues/{queue}/samples", {"selection": PAIR, "k": 4})
    assert len(set(sample["positions"])) == 4
    assert set(sample["positions"]) <= pair
    held = {item["position"] for item in lead.ask(queue, count=4)["items"]}
    assert held == set(sample["positions"])
    *three, last = sample["positions"]
    for position in three:
        lead.decide(queue, position, "relabel", label="dog")
    body = {"selection": PAIR, "verdict": TO_DOG, "sample_id": sample["id"]}
    assert _preview(api, queue, **body)["sample"] == {
        "size": 4,
        "decided": 3,
        "agreed": 3,
        "against": [],
    }
    lead.decide(queue, last, "unusable")
    check = _preview(api, queue, **body)["sample"]
    assert (check["decided"], check["agreed"], check["against"]) == (4, 3, [last])
    batch = post(api, f"/queues/{queue}/batches", body)
    assert batch["item_count"] == len(pair) - 4
    assert sql("SELECT outcome FROM review_items WHERE position = :p", p=last) == [("unusable",)]
    require_sound(queue)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"selection": {}, "verdict": TO_DOG}, "selection"),
        ({"selection": {"given": "unicorn"}, "verdict": TO_DOG}, "selection.given"),
        ({"selection": PAIR, "verdict": {"kind": "relabel"}}, "verdict.label"),
        ({"selection": PAIR, "verdict": {"kind": "right", "label": "dog"}}, "verdict.label"),
        (
            {"selection": PAIR, "verdict": {"kind": "relabel", "label": "gnu"}},
            "verdict.label",
        ),
    ],
)
def test_malformed_batches_name_the_field(
    api: TestClient, body: dict[str, Any], field: str
) -> None:
    queue, _ = make_queue(api)
    for path in ("batches", "batches/preview"):
        answer = api.post(f"{LAB}/queues/{queue}/{path}", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
