"""What rules count in a slice of a real review, and of planted errors."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.reviews import mixing
from benchmarks.review_world import Made, add_world
from tests.app.gates.test_routes import judged
from tests.app.reviews.test_cost import sent_statements
from tests.app.reviews.world import Person, Queue, sql
from tests.support import get, post


@pytest.fixture
def made(api: TestClient) -> Made:
    """50 examples of 5 classes."""
    return add_world("lab", 50)


def asked_for_all(made: Made) -> dict[str, Any]:
    return {"name": "all", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}}


def test_what_people_decided_of_a_slice(api: TestClient, made: Made) -> None:
    queue = Queue(post(api, "/queues", asked_for_all(made))["id"], made)
    ada = Person(api)
    for position, kind in ((1, "right"), (11, "unusable"), (6, "unusable"), (2, "right")):
        ada.decide(queue.id, position, kind)
    rules = [
        {"rule": "reviewed", "of": "examples", "at_least": 0},
        {"rule": "found_wrong", "at_most": 9},
    ]
    slices: list[tuple[dict[str, Any], float, int]] = [
        ({"label": "bee"}, 3 / 10, 2),
        ({"key": "key-1*"}, 2 / 11, 1),
        ({"label": "bee", "key": "key-1*"}, 2 / 3, 1),
        ({"label": "cat"}, 1 / 10, 0),
    ]
    asked = [
        rule | where | {"id": f"{rule['rule']}{number}"}
        for number, (where, _, _) in enumerate(slices)
        for rule in rules
    ]
    found = judged(api, made, *asked)
    for number, (_, reviewed, wrong) in enumerate(slices):
        assert found[2 * number][:2] == (pytest.approx(reviewed), "pass")
        assert found[2 * number + 1][:2] == (wrong, "pass")
    assert "of 3 examples in class “bee” with a key like “key-1*” are" in found[4][2]
    missing = judged(api, made, rules[1] | {"label": "cow"}, rules[0] | {"key": "night/*"})
    assert [status for _, status, _ in missing] == ["no_verdict"] * 2
    assert missing[0][2] == "The dataset has no class “cow”."


def test_audits_bound_a_slice(api: TestClient, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "CHANCE", random.Random(5))
    asked = asked_for_all(made) | {"audits": 45}
    queue = post(api, "/queues", asked)["id"]
    ada = Person(api)
    for _ in range(20):
        ada.work(queue, "right")
    where = {"label": "bee", "key": "key-*"}
    bound, share, unknown, empty = judged(
        api,
        made,
        {"rule": "wrong_labels", "at_most": 1} | where,
        {"rule": "estimated_share", "at_most": 1} | where,
        {"rule": "wrong_labels", "id": "cow", "at_most": 1, "label": "cow"},
        {"rule": "wrong_labels", "id": "night", "at_most": 1, "key": "night/*"},
    )
    told = get(api, f"/datasets/{made.dataset_id}/estimate", **where)
    assert told["audits"]["answered"] > 0
    assert bound[:2] == (told["wrong"]["after"]["share"]["highest"], "pass")
    assert "of the labels in class “bee” with a key like “key-*” are wrong" in bound[2]
    assert share[1] == "pass"
    assert unknown[1:] == ("no_verdict", "The dataset has no class “cow”.")
    assert empty[1] == "no_verdict"
    assert "no example with a key like “night/*”" in empty[2]


def test_a_baseline_is_asked_only_what_ratchets_look_at(
    api: TestClient, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ratchet, estimates in ((False, 1), (True, 2)):
        rule = {"rule": "wrong_labels", "at_most": 1, "ratchet": ratchet}
        with sent_statements(monkeypatch) as sent:
            judged(api, made, rule, baseline_scan_id=str(made.scan_id))
        assert sum("FROM audit_draws" in query for query, _ in sent) == estimates


def test_planted_errors_tell_the_recall(api: TestClient, made: Made) -> None:
    rule = {"rule": "detector_recall", "at_least": 0.5}
    assert judged(api, made, rule)[0][1:] == ("no_verdict", "The scan planted no errors.")
    share = {"estimate": 0.7, "lowest": 0.6, "highest": 0.8}
    sql(
        "UPDATE scans SET summary = CAST(:s AS jsonb)",
        s=json.dumps({"canaries": {"planted": 90, "caught_share": share}}),
    )
    assert judged(api, made, rule)[0][:2] == (0.6, "pass")
