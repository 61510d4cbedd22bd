"""A review as people do it, from the first draw to the last answer, and what it proves."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.estimates import queries
from app.estimates.history import History, Left, Outcome
from app.reviews import mixing
from tests.app.reviews.mixed import found_right, queue_of
from tests.app.reviews.world import LAB, Made, Person, SignedIn, add_world, get, post

EXAMPLES = 150
WRONG = {position for position in range(EXAMPLES) if position % 11 == 4}


def estimate(api: TestClient, made: Made, **asked: Any) -> Any:
    return get(api, f"/datasets/{made.dataset_id}/estimate", **asked)


def require_recorded_pools_are_those_counted(made: Made) -> None:
    from app.db import reading

    with reading() as db:
        left = [
            Left(row.after, 0, Outcome(row.outcome), row.examples, row.unreviewed)
            for row in queries.what_left(db, made.dataset_id)
        ]
    recorded = History(EXAMPLES, left).trail(open_is_wrong=True)
    counted = History(EXAMPLES, left, is_slice=True).trail(open_is_wrong=True)
    assert (recorded.unreviewed == counted.unreviewed).all()


def truly(position: int) -> dict[str, Any]:
    return {"kind": "unusable" if position in WRONG else "right"}


def test_a_review_with_audits_proves_what_is_left(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "CHANCE", random.Random(5))
    made = add_world("lab", EXAMPLES)
    ada, bob, slow = Person(api), Person(api), Person(api)
    found_right(api, made.scan_id, 4, by=ada)  # before there is a pool
    queue = queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 30}, audits=60)
    late = slow.next(queue)
    looks = []
    at_work = True
    rounds = 0
    while at_work:
        at_work = False
        rounds += 1
        for person in (ada, bob):
            item = person.next(queue)
            if item is not None:
                person.decide(queue, item["position"], **truly(item["position"]))
                at_work = True
        if rounds % 6 == 1:
            looks.append(estimate(api, made))
    slow.decide(queue, late["position"], **truly(late["position"]))
    looks.append(estimate(api, made))
    require_recorded_pools_are_those_counted(made)

    for told in looks:
        before = told["wrong"]["before"]["number"]
        # What was found right without a look at the truth stays so.
        assert before["lowest"] <= len(WRONG) <= before["highest"]
    last = looks[-1]
    assert last["audits"] == {"drawn": 60, "answered": 60}
    assert last["course"][-1]["reviewed"] == last["reviewed"] > 80
    highest = [told["wrong"]["after"]["number"]["highest"] for told in looks]
    assert highest[-1] < highest[0] / 3
    assert all(told["reviewed"] <= later["reviewed"] for told, later in pairwise(looks))


def test_an_undone_audit_is_unknown_until_it_is_decided_again(api: TestClient) -> None:
    made = add_world("lab", EXAMPLES)
    queue = queue_of(api, made.scan_id, audits=EXAMPLES)
    ada = Person(api)
    for _ in range(25):
        assert ada.work(queue) is not None
    before = estimate(api, made)
    ada.undo(queue, 3)
    undone = estimate(api, made)
    assert (before["unknown"], undone["unknown"]) == (0, 3)
    assert undone["reviewed"] == before["reviewed"]
    assert (
        undone["wrong"]["after"]["number"]["highest"]
        >= (before["wrong"]["after"]["number"]["highest"])
    )
    while estimate(api, made)["unknown"]:
        ada.work(queue)


def test_a_reviewer_is_not_told_while_the_queue_is_blind(api: TestClient) -> None:
    made = add_world("lab", EXAMPLES)
    queue = queue_of(api, made.scan_id, audits=5)
    ada = SignedIn(api)
    path = f"/datasets/{made.dataset_id}/estimate"
    refused = ada.client.get(LAB + path)
    assert refused.status_code == 403
    assert refused.json()["type"].endswith("under-blind-review")
    assert ada.client.get(f"/projects/lab{path}").status_code == 403
    assert SignedIn(api, "viewer").client.get(LAB + path).status_code == 200
    post(api, f"/queues/{queue}/close", status=200)
    assert ada.client.get(LAB + path).status_code == 200
