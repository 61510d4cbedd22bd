from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from app.estimates.findings import findings
from app.estimates.history import History, Left
from benchmarks.audit_world import write_review
from benchmarks.simulated_reviews import Plan, SimulatedReview
from tests.app.reviews.test_cost import sent_statements
from tests.app.reviews.world import LAB, Person, make_queue, sql
from tests.support import get, make_key

PLAN = Plan(examples=400, audits=60, flags=80)


def estimate(api: TestClient, dataset: UUID, **asked: Any) -> Any:
    return get(api, f"/datasets/{dataset}/estimate", **asked)


def simulated(seed: int, plan: Plan, verdicts: int) -> SimulatedReview:
    review = SimulatedReview(seed, "informative", plan)
    for number, _ in enumerate(review.verdicts()):
        if number == verdicts:
            break
    return review


def test_the_database_tells_what_the_review_was(api: TestClient) -> None:
    queue, made = make_queue(api, PLAN.examples)
    review = simulated(1, PLAN, 100)
    write_review(made.dataset_id, UUID(queue), review)
    history = review.history
    assert history.waiting > 0
    assert history.unknown > 0
    told = estimate(api, made.dataset_id, alpha=0.1, target=0.02)
    true = findings(history, alpha=0.1)
    for name, wrong in (
        ("wrong", true.all),
        ("open_right", true.open_right),
        ("open_wrong", true.open_wrong),
    ):
        for when in ("before", "after"):
            assert told[name][when]["number"] == vars(getattr(wrong, when)), (name, when)
    counts = [told[name] for name in ("examples", "reviewed", "found", "unknown")]
    assert counts == [400, history.reviewed, history.found, history.unknown]
    assert told["audits"] == {"drawn": history.drawn, "answered": history.drawn - history.waiting}
    assert told["wrong"]["after"]["share"]["highest"] == true.all.after.highest / 400
    last = told["course"][-1]
    assert (last["lowest"], last["highest"]) == (true.all.before.lowest, true.all.before.highest)
    assert (last["audits"], last["found"]) == (history.drawn, history.found)
    for number, each in enumerate(told["classes"]):
        own = [
            Left(left.after, number, left.outcome, unreviewed=left.unreviewed)
            for position, left in review.left.items()
            if position % 5 == number
        ]
        found = findings(History(80, own, is_slice=True), alpha=0.1).all
        assert each["wrong"]["after"]["number"] == vars(found.after), each["label"]
    assert [each["label"] for each in told["classes"]] == ["ant", "bee", "cat", "dog", "eel"]


def test_a_slice_is_estimated_from_what_fell_on_it(api: TestClient) -> None:
    """By class, by key, by both; all classes together when they are to hold jointly."""
    queue, made = make_queue(api, PLAN.examples)
    review = simulated(1, PLAN, 100)
    write_review(made.dataset_id, UUID(queue), review)
    keys = [
        row[0]
        for row in sql(
            "SELECT key FROM examples WHERE dataset_id = :d ORDER BY position", d=made.dataset_id
        )
    ]
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"label": "bee"}, [at for at in range(400) if at % 5 == 1]),
        ({"label": ["eel", "ant"]}, [at for at in range(400) if at % 5 in (0, 4)]),
        ({"key": "*1"}, [at for at in range(400) if keys[at].endswith("1")]),
        (
            {"key": "*1", "label": "bee"},
            [at for at in range(400) if keys[at].endswith("1") and at % 5 == 1],
        ),
    ]
    for asked, inside in cases:
        told = estimate(api, made.dataset_id, **asked)
        own = [replace(review.left[at], label=at % 5) for at in inside if at in review.left]
        history = History(len(inside), own, is_slice=True)
        assert told["wrong"]["after"]["number"] == vars(findings(history, alpha=0.05).all.after)
        counts = [told[name] for name in ("examples", "reviewed", "found", "unknown")]
        assert counts == [len(inside), history.reviewed, history.found, history.unknown]
        assert told["audits"]["drawn"] == history.drawn
        labels = asked.get("label", [])
        assert told["slice"] == {
            "labels": [labels] if isinstance(labels, str) else labels,
            "key": asked.get("key"),
        }
        names = [
            name
            for at, name in enumerate(("ant", "bee", "cat", "dog", "eel"))
            if {at} & {p % 5 for p in inside}
        ]
        assert [each["label"] for each in told["classes"]] == names
    assert "in the classes “eel” and “ant”" in estimate(api, made.dataset_id, **cases[1][0])["says"]
    joint = estimate(api, made.dataset_id, alpha=0.1, joint=True)
    assert joint["class_alpha"] == pytest.approx(0.02)
    alone = estimate(api, made.dataset_id, alpha=0.02)
    assert joint["classes"] == alone["classes"]
    assert joint["slice"] is None


def test_a_slice_that_is_none_is_refused(api: TestClient) -> None:
    _, made = make_queue(api, 40)
    path = f"{LAB}/datasets/{made.dataset_id}/estimate"
    for asked, field, kind in (
        ({"label": "cow"}, "label", "class-unknown"),
        ({"key": "night/*"}, "key", "slice-empty"),
        ({"key": "key_*"}, "key", "slice-empty"),
        ({"key": ""}, "key", "invalid"),
    ):
        refused = api.get(path, params=asked)
        assert refused.status_code == 422, asked
        assert refused.json()["errors"][0]["field"] == field
        assert kind in refused.json()["type"]
    sql(
        "UPDATE datasets SET class_counts = class_counts || CAST('{\"ant\": 0}' AS jsonb)"
        " WHERE id = :d",
        d=made.dataset_id,
    )
    refused = api.get(path, params={"label": "ant"}).json()
    assert refused["errors"][0]["field"] == "label"
    assert refused["remedy"] == "Choose a class that has examples."


def test_the_newest_scan_with_canaries_tells_what_it_finds(api: TestClient) -> None:
    _, made = make_queue(api, 40)
    assert estimate(api, made.dataset_id)["detector"] is None
    share = {"estimate": 0.5, "lowest": 0.2, "highest": 0.8}
    found = {"planted": 10, "caught": 5, "missed": 5, "caught_share": share}
    sql(
        "UPDATE scans SET canaries = 10, summary = CAST(:s AS jsonb) WHERE id = :i",
        s=json.dumps({"canaries": found | {"curve": []}}),
        i=made.scan_id,
    )
    told = estimate(api, made.dataset_id)["detector"]
    assert told == found | {"scan_id": str(made.scan_id)}


def test_without_a_review_there_is_an_answer_all_the_same(api: TestClient) -> None:
    _, made = make_queue(api, 400)
    told = estimate(api, made.dataset_id)
    assert told["wrong"]["after"]["number"] == {"estimate": 0, "lowest": 0, "highest": 400}
    assert "no audit is answered" in told["says"]
    assert told["forecast"] == {"target": 0.01, "is_reached": False, "audits": 197}
    assert told["reviewers"]["doubly_reviewed"]["error"] is None
    assert len(told["course"]) == 1


def test_what_a_queue_without_audits_found_counts(api: TestClient) -> None:
    queue, made = make_queue(api, 40)
    ada = Person(api)
    kinds = [
        ("right", None),
        ("relabel", "dog"),
        ("unusable", None),
        ("unsure", None),
    ]
    for kind, label in kinds:
        ada.work(queue, kind, **({"label": label} if label else {}))
    told = estimate(api, made.dataset_id)
    # Who was unsure left a dispute: nothing is settled.
    assert (told["reviewed"], told["found"], told["unknown"]) == (3, 2, 0)
    assert told["wrong"]["before"]["number"] == {"estimate": 2, "lowest": 2, "highest": 39}


def test_queues_that_disagree_leave_an_example_unknown(api: TestClient) -> None:
    first, made = make_queue(api, 40)
    other = api.post(
        f"{LAB}/queues",
        json={"name": "other", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}},
    ).json()["id"]
    ada = Person(api)
    for queue, position, kind in (
        (first, 1, "right"),
        (other, 1, "unusable"),
        (first, 2, "unusable"),
        (first, 3, "right"),
    ):
        ada.decide(queue, position, kind)
    told = estimate(api, made.dataset_id)
    assert (told["reviewed"], told["found"], told["unknown"]) == (3, 1, 1)


def test_a_disputed_audit_is_unknown_and_one_in_hand_waits(api: TestClient) -> None:
    queue, made = make_queue(api, 40, overlap=2)
    ada, bob = Person(api), Person(api)
    for person, kind in ((ada, "right"), (bob, "unusable")):
        person.decide(queue, 7, kind)
    draw_by_hand(made.dataset_id, queue, 7, 8)
    told = estimate(api, made.dataset_id)
    assert told["audits"] == {"drawn": 2, "answered": 1}
    assert (told["reviewed"], told["unknown"]) == (1, 1)
    ada.decide(queue, 8)
    bob.decide(queue, 8)
    told = estimate(api, made.dataset_id)
    assert told["audits"] == {"drawn": 2, "answered": 2}


def draw_by_hand(dataset: UUID, queue: str, *positions: int) -> None:
    sql("INSERT INTO audit_pools (dataset_id, draws, made_at) VALUES (:d, :n, now())",
        d=dataset, n=len(positions))  # fmt: skip
    for number, position in enumerate(positions, 1):
        sql(
            "INSERT INTO audit_draws (dataset_id, number, position, queue_id, unreviewed, drawn_at)"
            " VALUES (:d, :n, :p, :q, 41 - :n, now())",
            d=dataset, n=number, p=position, q=queue,
        )  # fmt: skip


def test_two_who_disagree_tell_how_often_one_errs(api: TestClient) -> None:
    queue, made = make_queue(api, 40, overlap=2)
    ada, bob = Person(api), Person(api)
    for position in range(10):
        ada.decide(queue, position)
        bob.decide(queue, position, "unusable" if position < 3 else "right")
    ada.decide(queue, 20)
    found = estimate(api, made.dataset_id)["reviewers"]["doubly_reviewed"]
    assert (found["items"], found["disagreed"]) == (10, 3)
    assert found["error"]["estimate"] == pytest.approx(1 - 0.7**0.5)
    assert found["error"]["lowest"] < 0.1 < found["error"]["highest"]


def test_numbers_agree_within_the_queues_tolerance(api: TestClient) -> None:
    from benchmarks.review_world import add_world

    made = add_world("lab", 40, is_regression=True)
    body = {"name": "q", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}, "overlap": 2}
    queue = api.post(f"{LAB}/queues", json=body | {"tolerance": 0.5}).json()["id"]
    ada, bob = Person(api), Person(api)
    for position, value in ((3, 0.6), (4, 2.4)):
        ada.decide(queue, position)
        bob.decide(queue, position, "relabel", value=value)
    told = estimate(api, made.dataset_id)
    assert told["reviewers"]["doubly_reviewed"]["items"] == 2
    assert told["reviewers"]["doubly_reviewed"]["disagreed"] == 1
    assert told["classes"] == []


def test_canaries_count_as_nothing_but_canaries(api: TestClient) -> None:
    queue, made = make_queue(api, 40)
    sql("UPDATE review_items SET role = 'canary' WHERE queue_id = :q AND position < 6", q=queue)
    ada = Person(api)
    for position, kind in enumerate(("right", "relabel", "unusable", "unusable", "unsure", "skip")):
        ada.decide(queue, position, kind, **({"label": "eel"} if kind == "relabel" else {}))
    ada.decide(queue, 9)
    told = estimate(api, made.dataset_id)
    assert (told["reviewed"], told["found"], told["unknown"]) == (1, 0, 0)
    canaries = told["reviewers"]["canaries"]
    assert (canaries["caught"], canaries["missed"], canaries["unsure"]) == (3, 1, 1)
    assert canaries["caught_share"]["estimate"] == 0.75


def test_it_takes_as_many_statements_for_a_long_review_as_for_none(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, made = make_queue(api, PLAN.examples)
    counts = []
    for _ in range(2):
        with sent_statements(monkeypatch) as sent:
            estimate(api, made.dataset_id)
        counts.append(len(sent))
        if len(counts) == 1:
            write_review(made.dataset_id, UUID(queue), simulated(2, PLAN, 100))
    assert counts[0] == counts[1]


def test_it_is_for_the_projects_own_and_for_what_is_ready(api: TestClient) -> None:
    _, made = make_queue(api, 40)
    path = f"/datasets/{made.dataset_id}/estimate"
    stranger = api.get(
        f"/api/v1/projects/other{path}", headers={"Authorization": f"Bearer {make_key('other')}"}
    )
    assert stranger.status_code == 404
    for asked, field in (({"alpha": 0}, "alpha"), ({"target": 1}, "target")):
        refused = api.get(LAB + path, params=asked)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == field
    sql("UPDATE datasets SET status = 'indexing' WHERE id = :d", d=made.dataset_id)
    assert api.get(LAB + path).json()["type"].endswith("dataset-not-ready")
