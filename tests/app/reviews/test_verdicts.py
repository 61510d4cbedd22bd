"""Deciding, deciding again, and taking it back."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import ProgrammingError

from tests.app.reviews.world import (
    LAB,
    Person,
    add_world,
    get,
    let_claims_expire,
    make_queue,
    post,
    require_sound,
    sql,
)


def _item(queue: str, position: int) -> tuple[object, ...]:
    rows = sql(
        "SELECT state, settled_by, outcome, outcome_label FROM review_items"
        " WHERE queue_id = :q AND position = :p",
        q=queue,
        p=position,
    )
    return rows[0]


def test_a_verdict_settles_an_item_of_one_reviewer(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    item = ada.next(queue)
    given = item["position"] % 5
    answer = ada.decide(
        queue, item["position"], "relabel", label="eel", comment="a long fish", seconds=2.5
    )
    assert (answer["label"], answer["comment"], answer["item_state"]) == (
        "eel",
        "a long fish",
        "done",
    )
    assert given != 4
    assert _item(queue, item["position"]) == ("done", "consensus", "relabel", 4)
    require_sound(queue)


def test_to_relabel_to_the_given_label_is_to_call_it_right(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    item = ada.next(queue)
    answer = ada.decide(queue, item["position"], "relabel", label=item["given_label"])
    assert (answer["kind"], answer["label"]) == ("right", item["given_label"])


def test_malformed_verdicts_name_the_field_and_write_nothing(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    position = ada.next(queue)["position"]
    for body, field in (
        ({"kind": "relabel"}, "label"),
        ({"kind": "relabel", "label": "unicorn"}, "label"),
        ({"kind": "relabel", "value": 3.0}, "label"),
        ({"kind": "right", "label": "ant"}, "label"),
        ({"kind": "undo"}, "kind"),
        ({"kind": "right", "seconds": -1}, "seconds"),
        ({"kind": "right", "comment": "\0"}, "comment"),
    ):
        problem = ada.decide(queue, position, status=422, **body)
        assert problem["errors"][0]["field"] == field, problem
        assert problem["errors"][0]["remedy"]
    ada.decide(queue, 1000, status=404)
    assert ada.history(queue) == []
    assert ada.next(queue)["position"] == position


def test_a_regression_is_relabelled_by_number_within_the_tolerance(api: TestClient) -> None:
    made = add_world("lab", 20, is_regression=True)
    body = {"name": "numbers", "scan_id": str(made.scan_id), "policy": {"kind": "top_k", "k": 5}}
    refused = api.post(f"{LAB}/queues", json=body | {"order_by": "margin"})
    assert refused.status_code == 422
    queue = post(api, "/queues", body | {"overlap": 2, "tolerance": 0.5})["id"]
    ada, bob = Person(api), Person(api)
    near, far = (item["position"] for item in ada.ask(queue, count=2)["items"])
    ada.decide(queue, near, "relabel", label="ant", status=422)
    for huge in (1e200, -1e308):  # of which no square can be told
        problem = ada.decide(queue, near, "relabel", value=huge, status=422)
        assert problem["errors"][0]["field"] == "value"
    ada.decide(queue, near, "relabel", value=7.0)
    ada.decide(queue, far, "relabel", value=7.0)
    bob.decide(queue, near, "relabel", value=7.4)
    bob.decide(queue, far, "relabel", value=9.0)
    rows = sql("SELECT position, state, outcome_value FROM review_items WHERE votes = 2")
    assert sorted(rows) == sorted([(near, "done", 7.2), (far, "disputed", None)])
    require_sound(queue)


def test_a_repeat_after_a_lost_answer_is_written_once_and_answered_alike(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    position = ada.next(queue)["position"]
    token = str(uuid4())
    first = ada.decide(queue, position, token=token, comment="once")
    assert ada.decide(queue, position, token=token, comment="once") == first
    assert len(ada.history(queue)) == 1
    other = ada.next(queue)["position"]
    assert ada.decide(queue, other, token=token, status=409)["type"].endswith("token-reused")
    ada.decide(queue, position, "unusable", token=token, status=409)
    require_sound(queue)


def test_a_decision_on_an_expired_claim_counts_if_nobody_else_decided(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada, bob = Person(api), Person(api)
    first, second = (item["position"] for item in ada.ask(queue, count=2)["items"])
    let_claims_expire()
    assert ada.decide(queue, first)["counted"]
    assert bob.work(queue)["position"] == second
    token = str(uuid4())
    for _ in range(2):
        problem = ada.decide(queue, second, "unusable", token=token, comment="blurred", status=409)
        assert problem["type"].endswith("review-item-taken")
        assert problem["verdict"]["comment"] == "blurred"
    history = get(api, f"/queues/{queue}/items/{second}/verdicts")["items"]
    assert [(line["kind"], line["counted"]) for line in history] == [
        ("right", True),
        ("unusable", False),
    ]
    assert _item(queue, second)[2] == "right"
    require_sound(queue)


def test_an_item_held_by_another_is_not_decided_from_its_address(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada, bob = Person(api), Person(api)
    held, free = ada.next(queue)["position"], bob.next(queue)["position"]
    bob.client.post(f"{LAB}/queues/{queue}/claims/release")
    assert bob.decide(queue, held, status=409)["type"].endswith("review-item-taken")
    assert bob.decide(queue, free)["counted"]
    assert ada.decide(queue, held)["counted"]
    require_sound(queue)


def test_a_verdict_may_be_changed_later(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    position = ada.work(queue)["position"]
    ada.work(queue)
    assert ada.decide(queue, position, "unusable")["item_state"] == "done"
    assert _item(queue, position)[2] == "unusable"
    ada.decide(queue, position, "skip", status=422)
    assert [line["kind"] for line in ada.history(queue)] == ["unusable", "right", "right"]
    assert get(api, f"/queues/{queue}")["done"] == 2
    require_sound(queue)


def test_any_number_of_steps_is_undone_one_by_one_or_at_once(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    done = [ada.work(queue)["position"] for _ in range(5)]
    ahead = ada.next(queue)["position"]
    assert [line["position"] for line in ada.undo(queue)] == done[4:]
    require_sound(queue)
    assert [line["position"] for line in ada.undo(queue, 3)] == done[3:0:-1]
    require_sound(queue)
    held = [item["position"] for item in ada.ask(queue, count=5)["items"]]
    assert held == [*done[1:], ahead]
    assert [line["position"] for line in ada.undo(queue, 10)] == done[:1]
    assert ada.undo(queue, status=409)["type"].endswith("nothing-to-undo")
    assert get(api, f"/queues/{queue}")["done"] == 0
    for position in done:
        assert ada.work(queue, "unusable")["position"] == position
    assert ada.undo(queue)[0]["kind"] == "unusable"
    require_sound(queue)


def test_an_undo_sent_twice_undoes_once(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    for _ in range(4):
        ada.work(queue)
    token = str(uuid4())
    first = ada.undo(queue, 2, token=token)
    assert ada.undo(queue, 2, token=token) == first
    assert get(api, f"/queues/{queue}")["done"] == 2
    assert [line["is_undone"] for line in ada.history(queue)] == [False] * 2 + [True] * 2 + [
        False
    ] * 2


def test_undoing_a_change_brings_the_verdict_before_it_back(api: TestClient) -> None:
    queue, _ = make_queue(api, overlap=2)
    ada, bob = Person(api), Person(api)
    position = ada.work(queue)["position"]
    assert bob.work(queue)["position"] == position
    assert _item(queue, position)[0] == "done"
    ada.decide(queue, position, "unusable")
    assert _item(queue, position)[0] == "disputed"
    require_sound(queue)
    ada.undo(queue)
    assert _item(queue, position)[:3] == ("done", "consensus", "right")
    require_sound(queue)
    ada.undo(queue)
    assert _item(queue, position)[0] == "open"
    assert ada.next(queue)["position"] == position
    require_sound(queue)


def test_a_skip_and_a_late_verdict_can_be_undone(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada, bob = Person(api), Person(api)
    skipped = ada.work(queue, "skip")["position"]
    late = ada.next(queue)["position"]
    let_claims_expire()
    assert bob.work(queue)["position"] == skipped
    assert bob.work(queue)["position"] == late
    ada.decide(queue, late, status=409)
    assert [line["position"] for line in ada.undo(queue, 2)] == [late, skipped]
    assert _item(queue, skipped)[0] == _item(queue, late)[0] == "done"
    require_sound(queue)


def test_undoing_a_late_verdict_leaves_a_later_claim_alone(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada, bob = Person(api), Person(api)
    position = ada.next(queue)["position"]
    let_claims_expire()
    bob.work(queue)
    ada.decide(queue, position, status=409)
    bob.undo(queue)
    bob.client.post(f"{LAB}/queues/{queue}/claims/release")
    assert ada.next(queue)["position"] == position
    ada.undo(queue)
    require_sound(queue)
    assert ada.next(queue)["position"] == position


def test_undoing_a_skip_gives_the_item_back(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    position = ada.work(queue, "skip")["position"]
    assert ada.next(queue)["position"] != position
    ada.undo(queue)
    assert ada.next(queue)["position"] == position
    require_sound(queue)


def test_a_skipped_item_may_be_decided_after_all_and_that_undone(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    position = ada.work(queue, "skip")["position"]
    ada.decide(queue, position)
    require_sound(queue)
    ada.undo(queue)
    assert ada.next(queue)["position"] != position
    require_sound(queue)
    ada.undo(queue)
    require_sound(queue)
    assert position in [item["position"] for item in ada.ask(queue, count=2)["items"]]


def test_history_is_paged_back_and_forth_without_shifting(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada, bob = Person(api), Person(api)
    done = []
    for _ in range(5):
        done.append(ada.work(queue)["position"])
        bob.work(queue)
    path = f"/queues/{queue}/verdicts"
    first = get(ada.client, path, limit=2)
    ada.work(queue)
    second = get(ada.client, path, limit=2, after=first["next"])
    third = get(ada.client, path, limit=2, after=second["next"])
    seen = [line["position"] for page in (first, second, third) for line in page["items"]]
    assert seen == done[::-1]
    assert third["next"] is None
    theirs = get(bob.client, path, principal_id=ada.id, limit=100)["items"]
    assert len(theirs) == 6
    assert {line["key"] for line in theirs} >= {f"key-{position}" for position in done}


def test_the_database_refuses_to_rewrite_the_log(api: TestClient) -> None:
    queue, _ = make_queue(api)
    Person(api).work(queue)
    for statement in ("UPDATE review_verdicts SET kind = 'skip'", "DELETE FROM review_verdicts"):
        with pytest.raises(ProgrammingError, match="append-only"):
            sql(statement)


def test_a_token_means_one_thing(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    position = ada.next(queue)["position"]
    token = str(uuid4())
    ada.decide(queue, position, "relabel", label="eel", token=token)
    other = ada.decide(queue, position, "relabel", label="dog", token=token, status=409)
    assert other["type"].endswith("token-reused")
    assert ada.undo(queue, token=token, status=409)["type"].endswith("token-reused")
    assert len(ada.history(queue)) == 1
    require_sound(queue)


def test_an_undo_may_name_the_verdict(api: TestClient) -> None:
    ada, bob, lead = Person(api), Person(api), Person(api, "engineer")
    queue, _ = make_queue(api, overlap=2)
    for person, kind in ((ada, "right"), (bob, "unusable")):
        position = person.work(queue, kind)["position"]
    mine = lead.next(queue)["position"]
    wanted = lead.decide(queue, mine)
    lead.next(queue, adjudicate=True)
    lead.decide(queue, position, adjudicate=True)
    token = str(uuid4())
    for _ in range(2):
        [taken_back] = lead.undo(queue, token=token, of=wanted["token"])
        assert taken_back == wanted
    assert get(api, f"/queues/{queue}/items/{position}")["state"] == "done"
    require_sound(queue)
    gone = lead.undo(queue, of=wanted["token"], status=409)
    assert gone["type"].endswith("nothing-to-undo")
    lead.undo(queue, 2, of=wanted["token"], status=422)
    lead.undo(queue, of=str(uuid4()), status=409)


def test_what_is_undone_counts_neither_today_nor_as_time(api: TestClient) -> None:
    queue, _ = make_queue(api)
    ada = Person(api)
    ada.work(queue, seconds=4)
    ada.work(queue, seconds=30)
    sql(
        "UPDATE review_tallies SET day = day - 1, recent_at = recent_at - interval '1 day';"
        "ALTER TABLE review_verdicts DISABLE TRIGGER USER;"
        "UPDATE review_verdicts SET at = at - interval '1 day';"
        "ALTER TABLE review_verdicts ENABLE TRIGGER USER"
    )
    ada.undo(queue)
    [row] = get(api, f"/queues/{queue}/reviewers")
    assert (row["decided"], row["today"], row["seconds_each"]) == (1, 0, 4)
    require_sound(queue)
