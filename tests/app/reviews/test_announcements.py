"""What webhooks are told of queues."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.reviews.world import LAB, Person, get, make_queue, post, sql
from workers.sweep import sweep

pytestmark = pytest.mark.usefixtures("listening")


@pytest.fixture
def listening(api: TestClient) -> None:
    """A webhook of everything; nobody delivers, as no worker runs."""
    hook = {"url": "https://example.com/hook", "events": "all"}
    admin = Person(api, "admin").client
    answer = admin.post(f"{LAB}/webhooks", json=hook)
    assert answer.status_code == 201, answer.text


def told() -> list[tuple[str, dict[str, Any]]]:
    return sql("SELECT event, data FROM webhook_events ORDER BY created_at")


def test_a_disagreement_is_told_once_each_time_it_begins(api: TestClient) -> None:
    queue = make_queue(api, 2, overlap=2)
    ada, ben = Person(api), Person(api)
    item = ada.work(queue.id, "right")
    assert told() == []
    ben.work(queue.id, "unusable")
    data = {
        "queue_id": queue.id,
        "queue": get(api, f"/queues/{queue.id}")["name"],
        "dataset_id": str(queue.made.dataset_id),
        "position": item["position"],
        "key": item["key"],
        "verdict_count": 2,
    }
    assert told() == [("queue.disagreement", data)]
    engineer = Person(api, "engineer")
    engineer.ask(queue.id, adjudicate=True)
    engineer.decide(queue.id, item["position"], "right", adjudicate=True)
    engineer.undo(queue.id)
    post(engineer.client, f"/queues/{queue.id}/claims/release", status=200)
    assert len(told()) == 1, "the same disagreement goes on"
    ben.undo(queue.id)
    ben.work(queue.id, "unusable")
    assert [event for event, _ in told()] == ["queue.disagreement"] * 2


def test_a_finished_queue_is_told_of_once_and_again_when_it_was_undone(api: TestClient) -> None:
    queue = make_queue(api, 2)
    other = make_queue(api, 2, name="never finished")
    ada = Person(api)
    ada.work(queue.id)
    ada.work(other.id)
    sweep()
    assert told() == []
    ada.work(queue.id)
    sweep()
    sweep()
    [(event, data)] = told()
    assert event == "queue.empty"
    assert data["queue_id"] == queue.id
    assert data["item_count"] == 2
    assert get(api, f"/queues/{queue.id}")["finished_at"] is not None
    ada.undo(queue.id)
    sweep()
    assert get(api, f"/queues/{queue.id}")["finished_at"] is None
    ada.work(queue.id)
    sweep()
    assert [data["queue_id"] for _, data in told()] == [queue.id] * 2


def test_a_batch_may_finish_a_queue_and_a_disputed_item_keeps_it_open(api: TestClient) -> None:
    queue = make_queue(api, 4, overlap=2)
    for person, kind in ((Person(api), "right"), (Person(api), "unusable")):
        person.work(queue.id, kind)
        post(person.client, f"/queues/{queue.id}/claims/release", status=200)
    engineer = Person(api, "engineer")
    batch = {"selection": {"keys": [f"key-{n}" for n in range(4)]}, "verdict": {"kind": "right"}}
    post(engineer.client, f"/queues/{queue.id}/batches", batch)
    sweep()
    assert [event for event, _ in told()] == ["queue.disagreement"]
    [item] = engineer.ask(queue.id, adjudicate=True)["items"]
    engineer.decide(queue.id, item["position"], "right", adjudicate=True)
    sweep()
    assert [event for event, _ in told()] == ["queue.disagreement", "queue.empty"]


def test_a_queue_that_is_closed_before_its_last_verdict_is_told_of_too(api: TestClient) -> None:
    queue = make_queue(api, 2)
    ada = Person(api)
    ada.work(queue.id)
    item = ada.next(queue.id)
    post(api, f"/queues/{queue.id}/close", status=200)
    sweep()
    assert told() == []
    ada.decide(queue.id, item["position"])
    sweep()
    sweep()
    assert [event for event, _ in told()] == ["queue.empty"]
