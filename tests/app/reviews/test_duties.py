"""What somebody may no longer do at a queue, and may not see of it, whatever they did before."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.app.reviews.world import LAB, Person, get, make_queue, post, require_sound, sql


def test_whoever_is_no_longer_assigned_takes_nothing_back_and_renews_nothing(
    api: TestClient,
) -> None:
    ada, bob = Person(api), Person(api)
    queue, _ = make_queue(api, 10, reviewers=[ada.id])
    ada.work(queue)
    ada.next(queue)
    api.put(f"{LAB}/queues/{queue}/people", json={"reviewers": [bob.id]})
    assert ada.undo(queue, status=403)["type"].endswith("review-not-assigned")
    answer = ada.client.post(f"{LAB}/queues/{queue}/claims/renew")
    assert answer.status_code == 403, answer.text
    assert get(api, f"/queues/{queue}")["done"] == 1
    assert post(ada.client, f"/queues/{queue}/claims/release", status=200) == {"released": 1}
    require_sound(queue)


def test_whoever_adjudicates_no_longer_takes_no_settlement_back(api: TestClient) -> None:
    ada, bob, judge = Person(api), Person(api), Person(api)
    queue, _ = make_queue(api, 3, overlap=2, adjudicators=[judge.id])
    position = ada.work(queue)["position"]
    bob.work(queue, "unusable")
    judge.next(queue, adjudicate=True)
    people = {"reviewers": [ada.id], "adjudicators": [judge.id]}
    api.put(f"{LAB}/queues/{queue}/people", json=people)
    post(judge.client, f"/queues/{queue}/claims/renew", status=200)
    judge.decide(queue, position, adjudicate=True)
    api.put(f"{LAB}/queues/{queue}/people", json={})
    assert judge.undo(queue, status=403)["type"].endswith("review-not-adjudicator")
    assert get(api, f"/queues/{queue}/items/{position}")["state"] == "done"


def test_a_sample_is_drawn_only_by_whoever_may_decide_it(api: TestClient) -> None:
    engineer = Person(api, "engineer")
    queue, _ = make_queue(api, 10, reviewers=[Person(api).id])
    body = {"selection": {"given": "cat"}, "k": 1}
    answer = engineer.client.post(f"{LAB}/queues/{queue}/samples", json=body)
    assert answer.status_code == 403, answer.text
    assert answer.json()["type"].endswith("review-not-assigned")
    assert sql("SELECT count(*) FROM review_claims") == [(0,)]


def test_what_others_said_of_an_open_item_is_told_to_no_reviewer(api: TestClient) -> None:
    ada, bob, viewer = Person(api), Person(api), Person(api, "viewer")
    queue, _ = make_queue(api, 10, overlap=3)
    position = ada.work(queue, "unusable", comment="all blue")["position"]
    paths = f"/queues/{queue}/items/{position}/verdicts", f"/queues/{queue}/verdicts"
    for person in (bob, viewer):
        for path in paths:
            assert get(person.client, path, principal_id=ada.id)["items"] == []
    for person in (ada, Person(api, "engineer")):
        for path in paths:
            [line] = get(person.client, path, principal_id=ada.id)["items"]
            assert line["comment"] == "all blue"
    bob.decide(queue, position)
    assert len(get(bob.client, paths[0])["items"]) == 2
    assert get(viewer.client, paths[0])["items"] == []
    Person(api).decide(queue, position)
    assert len(get(viewer.client, paths[0])["items"]) == 3
