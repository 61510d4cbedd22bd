"""Looking at items by address and in lists."""

from __future__ import annotations

from uuid import UUID

from fastapi.testclient import TestClient

from tests.app.reviews.world import LAB, Person, get, make_queue


def test_an_item_by_its_address_says_what_the_caller_did(api: TestClient) -> None:
    queue, _ = make_queue(api, 30, overlap=2)
    ada, eve = Person(api), Person(api, "viewer")
    item = ada.next(queue)
    path = f"/queues/{queue}/items/{item['position']}"
    held = get(ada.client, path)
    assert (held["key"], held["expires_at"], held["mine"]) == (
        item["key"],
        item["expires_at"],
        None,
    )
    ada.decide(queue, item["position"], "relabel", label="eel")
    assert get(ada.client, path)["mine"] == {"kind": "relabel", "label": "eel", "value": None}
    seen = get(eve.client, path)
    assert (seen["mine"], seen["expires_at"], seen["votes"]) == (None, None, 1)
    assert api.get(f"{LAB}/queues/{queue}/items/1000").status_code == 404


def test_items_are_listed_by_class_and_state_in_order(api: TestClient) -> None:
    queue, _ = make_queue(api, 60)
    ada = Person(api)
    done = [ada.work(queue)["position"] for _ in range(3)]
    unsure = ada.work(queue, "unsure")["position"]
    path = f"/queues/{queue}/items"
    listed = get(api, path, state="done")["items"]
    assert [item["position"] for item in listed] == done
    assert listed[0]["outcome"]["settled_by"] == "consensus"
    assert [item["position"] for item in get(api, path, state="disputed")["items"]] == [unsure]
    seen, after = [], None
    while True:
        page = get(api, path, given="cat", limit=5, **({"after": after} if after else {}))
        seen += page["items"]
        after = page["next"]
        if after is None:
            break
    assert {item["given_label"] for item in seen} == {"cat"}
    assert len(seen) == 12
    assert [item["place"] for item in seen] == sorted(item["place"] for item in seen)
    assert api.get(f"{LAB}{path}", params={"given": "gnu"}).status_code == 422


def test_a_blind_queue_does_not_tell_suggestions_to_reviewers(api: TestClient) -> None:
    queue, _ = make_queue(api, 30, show_suggestion=False)
    path = f"/queues/{queue}/items"
    ada = Person(api)
    assert not any(item["suggested_label"] for item in get(ada.client, path)["items"])
    assert len(get(ada.client, path, suggested="dog")["items"]) == 30
    assert any(item["suggested_label"] for item in get(api, path)["items"])


def test_a_page_has_all_it_needs_at_once(api: TestClient) -> None:
    from app.access.keys import caller_of, require_key
    from app.db import transaction
    from app.reviews.service import open_workplace

    queue, _ = make_queue(api, 30)
    ada = Person(api)
    ada.work(queue)
    with transaction() as db:
        place = open_workplace(db, caller_of(require_key(db, ada.key)), UUID(queue))
    assert len(place.next.items) == 2
    assert (place.progress.done, place.progress.held, place.progress.mine.today) == (1, 2, 1)
