"""Giving items out: the first in order, to nobody twice, and back when somebody vanishes."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.app.reviews.world import (
    LAB,
    Person,
    let_claims_expire,
    make_queue,
    require_sound,
    sql,
)


def _in_order(queue: str) -> list[int]:
    rows = sql("SELECT position FROM review_items WHERE queue_id = :q ORDER BY place", q=queue)
    return [row[0] for row in rows]


def test_items_come_in_the_order_of_suspicion_and_those_without_come_last(
    api: TestClient,
) -> None:
    queue, made = make_queue(api, 50, missing=5)
    expected = [
        row[0]
        for row in sql(
            "SELECT position FROM scores WHERE scan_id = :s ORDER BY suspicion DESC NULLS LAST,"
            " position",
            s=made.scan_id,
        )
    ]
    assert set(expected[-5:]) == {45, 46, 47, 48, 49}
    ada = Person(api)
    seen = []
    while (item := ada.work(queue)) is not None:
        seen.append(item["position"])
    assert seen == expected
    require_sound(queue)


def test_a_reload_gives_the_same_item_and_another_person_the_next(api: TestClient) -> None:
    queue, _ = make_queue(api)
    order = _in_order(queue)
    ada, bob = Person(api), Person(api)
    assert [ada.next(queue)["position"] for _ in range(3)] == order[:1] * 3
    assert [bob.next(queue)["position"] for _ in range(2)] == order[1:2] * 2
    require_sound(queue)


def test_prefetched_items_are_claimed_and_come_next(api: TestClient) -> None:
    queue, _ = make_queue(api)
    order = _in_order(queue)
    ada, bob = Person(api), Person(api)
    assert [item["position"] for item in ada.ask(queue, count=3)["items"]] == order[:3]
    assert bob.next(queue)["position"] == order[3]
    ada.decide(queue, order[0])
    assert [item["position"] for item in ada.ask(queue, count=3)["items"]] == [
        order[1],
        order[2],
        order[4],
    ]
    require_sound(queue)


def test_what_is_released_goes_to_the_next_who_asks(api: TestClient) -> None:
    queue, _ = make_queue(api)
    order = _in_order(queue)
    ada, bob = Person(api), Person(api)
    ada.ask(queue, count=4)
    bob.ask(queue)
    assert ada.client.post(f"{LAB}/queues/{queue}/claims/release?position={order[2]}").json() == {
        "released": 1
    }
    assert [item["position"] for item in bob.ask(queue, count=2)["items"]] == [order[2], order[4]]
    assert ada.client.post(f"{LAB}/queues/{queue}/claims/release").json() == {"released": 3}
    assert ada.client.post(f"{LAB}/queues/{queue}/claims/release").json() == {"released": 0}
    assert [item["position"] for item in bob.ask(queue, count=4)["items"]] == [
        order[0],
        order[1],
        order[2],
        order[4],
    ]
    require_sound(queue)


def test_claims_of_whoever_vanished_expire_by_themselves(api: TestClient) -> None:
    queue, _ = make_queue(api)
    order = _in_order(queue)
    ada, bob = Person(api), Person(api)
    ada.ask(queue, count=3)
    for _ in range(5):
        bob.work(queue)
    let_claims_expire(of=ada.id)
    assert [bob.work(queue)["position"] for _ in range(4)] == [*order[:3], order[8]]
    require_sound(queue)


def test_a_renewed_claim_does_not_expire(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada, bob = Person(api), Person(api)
    first = ada.next(queue)
    renewed = ada.client.post(f"{LAB}/queues/{queue}/claims/renew").json()
    assert [claim["position"] for claim in renewed] == [first["position"]]
    assert renewed[0]["expires_at"] > first["expires_at"]
    let_claims_expire(of=ada.id)
    assert ada.client.post(f"{LAB}/queues/{queue}/claims/renew").json() == []
    assert bob.next(queue)["position"] == first["position"]


def test_a_claim_about_to_end_is_renewed_by_asking_again(api: TestClient) -> None:
    queue, _ = make_queue(api, claim_ttl_s=600)
    ada = Person(api)
    first = ada.next(queue)
    sql("UPDATE review_claims SET expires_at = now() + interval '5 seconds'")
    again = ada.next(queue)
    assert again["position"] == first["position"]
    assert again["expires_at"] > first["expires_at"]


def test_nothing_left_says_who_holds_what_until_when(api: TestClient) -> None:
    queue, _ = make_queue(api, 3)
    ada, bob = Person(api), Person(api)
    held = ada.ask(queue, count=2)["items"]
    bob.work(queue, "skip")
    answer = bob.ask(queue)
    assert answer["items"] == []
    left = answer["nothing_left"]
    assert (left["held_count"], left["skipped"], left["disputed"]) == (2, 1, 0)
    assert {(item["position"], item["expires_at"]) for item in left["held"]} == {
        (item["position"], item["expires_at"]) for item in held
    }
    assert {item["principal_id"] for item in left["held"]} == {ada.id}
    taken_up = bob.client.post(f"{LAB}/queues/{queue}/skips/take-up").json()
    assert taken_up == {"released": 1}
    assert bob.next(queue) is not None
    require_sound(queue)


def test_a_skipped_item_goes_to_others_at_once(api: TestClient) -> None:
    queue, _ = make_queue(api)
    order = _in_order(queue)
    ada, bob = Person(api), Person(api)
    bob.ask(queue, count=2)
    assert ada.work(queue, "skip")["position"] == order[2]
    assert ada.next(queue)["position"] == order[3]
    bob.decide(queue, order[0])
    assert [item["position"] for item in bob.ask(queue, count=2)["items"]] == order[1:3]
    require_sound(queue)


def test_overlap_gives_an_item_to_so_many_people_and_no_more(api: TestClient) -> None:
    queue, _ = make_queue(api, 2, overlap=2)
    order = _in_order(queue)
    people = [Person(api) for _ in range(3)]
    assert [person.next(queue)["position"] for person in people] == [order[0], order[0], order[1]]
    require_sound(queue)
    for person in people[:2]:
        person.decide(queue, order[0])
    assert people[0].next(queue)["position"] == order[1]
    assert people[1].next(queue) is None
    require_sound(queue)


def test_the_end_is_looked_for_from_the_head_before_nothing_is_said_to_be_left(
    api: TestClient,
) -> None:
    queue, _ = make_queue(api, 3)
    ada = Person(api)
    for _ in range(2):
        ada.work(queue)
    # As if a look had passed an item while its lock was held by a transaction that never ended
    # well.
    sql("UPDATE review_desks SET base = 1000, pending = 1000")
    assert ada.work(queue) is not None
    assert ada.next(queue) is None


def test_a_closed_queue_gives_nothing_out_and_takes_what_is_in_hand(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada, bob = Person(api), Person(api)
    item = ada.next(queue)
    assert api.post(f"{LAB}/queues/{queue}/close").status_code == 200
    assert bob.ask(queue, status=409)["type"].endswith("review-queue-closed")
    ada.decide(queue, item["position"])
    ada.decide(queue, item["position"] + 1, status=409)
    assert api.post(f"{LAB}/queues/{queue}/close").status_code == 409
    assert api.post(f"{LAB}/queues/{queue}/reopen").json()["done"] == 1
    assert bob.next(queue) is not None
    require_sound(queue)


def test_an_assigned_queue_is_for_those_people_alone(api: TestClient) -> None:
    ada, bob, eve = Person(api), Person(api), Person(api, "viewer")
    queue, _ = make_queue(api, reviewers=[ada.id])
    assert ada.next(queue) is not None
    assert bob.ask(queue, status=403)["type"].endswith("review-not-assigned")
    refused = api.put(f"{LAB}/queues/{queue}/people", json={"reviewers": [eve.id]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reviewers")
    changed = api.put(f"{LAB}/queues/{queue}/people", json={"reviewers": [bob.id]}).json()
    assert changed["reviewers"] == [bob.id]
    assert bob.next(queue) is not None
    ada.ask(queue, status=403)


def test_a_queue_that_hides_suggestions_hides_them(api: TestClient) -> None:
    shown, _ = make_queue(api)
    hidden, _ = make_queue(api, show_suggestion=False)
    ada = Person(api)
    suggested = [item["suggested_label"] for item in ada.ask(shown, count=10)["items"]]
    assert any(suggested)
    assert not any(item["suggested_label"] for item in ada.ask(hidden, count=10)["items"])


def test_what_is_left_for_a_moment_comes_back_to_whoever_asks_in_time(api: TestClient) -> None:
    queue = make_queue(api, 2).id
    ada, grace = Person(api), Person(api)
    held = [item["position"] for item in ada.ask(queue, count=2)["items"]]
    path = f"{LAB}/queues/{queue}/claims/release"
    left = ada.client.post(path, params={"grace_s": 10})
    assert left.json() == {"released": 2}
    assert grace.next(queue) is None
    again = ada.ask(queue, count=2)["items"]
    assert [item["position"] for item in again] == held
    (soonest,) = sql("SELECT min(extract(epoch FROM expires_at - now())) FROM review_claims")
    assert soonest[0] > 500
    ada.client.post(path, params={"grace_s": 1, "position": held[0]})
    let_claims_expire_in(1)
    assert grace.next(queue)["position"] == held[0]
    require_sound(queue)


def let_claims_expire_in(seconds: int) -> None:
    """As if so many seconds had passed."""
    sql(
        "UPDATE review_claims SET expires_at = expires_at - make_interval(secs => :seconds)",
        seconds=seconds,
    )
