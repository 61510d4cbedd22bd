"""Canaries: known to be right, shown with a wrong label, and counted nowhere."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from app.reviews import mixing
from benchmarks.review_world import CLASSES
from tests.app.dashboard.steps import signed_in
from tests.app.reviews.mixed import Always, found_right, queue_of, roles_of
from tests.app.reviews.test_lead_pages import stat
from tests.app.reviews.world import Made, Person, add_world, get, make_queue, require_sound, sql
from tests.support import LAB


@pytest.fixture
def made() -> Made:
    return add_world("lab", 60)


@pytest.fixture(autouse=True)
def _dice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "CHANCE", Always(5))


def test_a_canary_is_what_others_found_right_with_another_label(
    api: TestClient, made: Made
) -> None:
    bob = Person(api)
    right = found_right(api, made.scan_id, 15, by=bob)
    queue = queue_of(api, made.scan_id, policy={"kind": "filter", "given": ["cat"]}, canaries=4)
    # Bob would remember.
    assert roles_of(queue).keys() >= {item["position"] for item in bob.ask(queue, count=6)["items"]}
    assert set(roles_of(queue).values()) == {"flag"}
    ada = Person(api)
    items = {item["position"]: item for item in ada.ask(queue, count=10)["items"]}
    canaries = {position for position, role in roles_of(queue).items() if role == "canary"}
    assert len(canaries) == 4
    assert canaries <= right
    assert canaries <= items.keys()
    for position in canaries:
        assert items[position]["given_label"] != CLASSES[position % 5]
    require_sound(queue)


def test_without_anything_found_right_there_are_none(api: TestClient, made: Made) -> None:
    somebody = Person(api)
    other = queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 10})
    for kind in ("unusable", "unsure", "unusable"):
        somebody.work(other, kind)
    queue = queue_of(api, made.scan_id, policy={"kind": "filter", "given": ["ant"]}, canaries=4)
    ada = Person(api)
    count = 0
    while ada.work(queue):
        count += 1
    assert count == 12
    assert set(roles_of(queue).values()) == {"flag"}


def test_canaries_count_in_no_figure(api: TestClient, made: Made) -> None:
    right = found_right(api, made.scan_id, 20)
    queue = queue_of(
        api,
        made.scan_id,
        policy={"kind": "keys", "keys": ["key-1", "key-2", "key-3"]},
        canaries=3,
        overlap=2,
    )
    ada, bob = Person(api), Person(api)
    for person in (ada, bob):
        while item := person.next(queue):
            if roles_of(queue)[item["position"]] == "canary":
                own = CLASSES[item["position"] % 5]
                person.decide(queue, item["position"], "relabel", label=own)
            else:
                person.decide(queue, item["position"], "right")
    canaries = {p for p, role in roles_of(queue).items() if role == "canary"}
    assert canaries
    flags = roles_of(queue).keys() - canaries
    reviewed = {p for (p,) in sql(
        "SELECT position FROM reviewed_examples WHERE dataset_id = :d", d=made.dataset_id
    )}  # fmt: skip
    assert reviewed == right | flags
    agreement = get(api, f"/queues/{queue}/agreement")
    assert agreement["items"] == len(flags)
    assert all(pair["items"] == len(flags) for pair in agreement["people"])
    lead = signed_in(api)
    page = lead.get(f"/projects/lab/queues/{queue}").text
    assert stat(page, "wrong labels found").startswith(f"0 0 % of {len(flags)} settled")
    assert "a canary: the label shown was wrong on purpose" in page
    wrong = lead.get(f"/projects/lab/queues/{queue}/items?which=wrong").text
    assert wrong.count("card item") == 0
    overview = lead.get("/projects/lab").text
    assert stat(overview, "wrong labels found").startswith("0 ")
    listed = get(api, f"/queues/{queue}/items")["items"]
    assert {item["position"] for item in listed if item["role"] == "canary"} == canaries
    require_sound(queue)


def test_a_batch_leaves_canaries_alone(api: TestClient, made: Made) -> None:
    found_right(api, made.scan_id, 20)
    queue = queue_of(api, made.scan_id, policy={"kind": "filter", "given": ["cat"]}, canaries=5)
    ada, lead = Person(api), Person(api, "engineer")
    ada.ask(queue, count=5)
    canaries = {p for p, role in roles_of(queue).items() if role == "canary"}
    assert canaries
    ada.client.post(f"{LAB}/queues/{queue}/claims/release")
    for given in CLASSES:
        body = {"selection": {"given": given}, "verdict": {"kind": "right"}}
        lead.client.post(f"{LAB}/queues/{queue}/batches", json=body)
    states = dict(sql("SELECT position, state FROM review_items WHERE queue_id = :q", q=queue))
    assert {position for position, state in states.items() if state == "open"} == canaries


def test_numbers_have_no_canaries(api: TestClient) -> None:
    made = add_world("lab", 10, is_regression=True)
    body = {"name": "numbers", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}}
    refused = api.post(f"{LAB}/queues", json=body | {"canaries": 1})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "canaries"
    queue, _ = make_queue(api, 10)
    assert api.put(f"{LAB}/queues/{queue}/mixing", json={"canaries": 2}).status_code == 200
