"""Annotations from another tool become verdicts: once, all or none, and until they are undone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db import transaction
from app.reviews import mixing
from tests.app.reviews import mixed
from tests.app.reviews.world import (
    LAB,
    Person,
    add_world,
    get,
    make_queue,
    post,
    require_sound,
    sql,
)

CLASSES = ("ant", "bee", "cat", "dog", "eel")


def said(key: int, label: str | None = None, who: str = "ada", **more: Any) -> dict[str, Any]:
    """What an annotator says of `key-…`, whose class is the one at its number modulo 5."""
    body: dict[str, Any] = {"key": f"key-{key}", "annotator": who, "kind": "relabel"}
    if label is not None:
        body["label"] = label
    return body | more


def bring(
    api: TestClient, queue: str, *rows: dict[str, Any], status: int = 201, **body: Any
) -> Any:
    asked = {"tool": "label-studio", "annotations": list(rows)} | body
    return post(api, f"/queues/{queue}/imports", asked, status=status)


def preview(api: TestClient, queue: str, *rows: dict[str, Any]) -> Any:
    asked = {"tool": "label-studio", "annotations": list(rows)}
    return post(api, f"/queues/{queue}/imports/preview", asked, status=200)


def counts(report: dict[str, Any]) -> dict[str, int]:
    """But for those that are 0."""
    return {name: n for name, n in report.items() if isinstance(n, int) and n}


def outcomes(queue: str) -> dict[int, tuple[str, str | None]]:
    rows = sql(
        "SELECT position, outcome, outcome_label FROM review_items"
        " WHERE queue_id = :q AND outcome IS NOT NULL",
        q=queue,
    )
    return {p: (kind, None if label is None else CLASSES[label]) for p, kind, label in rows}


def log(queue: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = sql(
        "SELECT position, kind, label, counted FROM review_verdicts"
        " WHERE queue_id = :q ORDER BY id",
        q=queue,
    )
    return rows


FEW = (
    said(0, "bee", seconds=3.5, comment="it flies"),
    said(1, "bee"),
    said(2, kind="unusable"),
    said(3, kind="unsure"),
    said(4, "ant", who="ben@example.com"),
)


def test_what_was_said_becomes_verdicts_of_those_who_said_it(api: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    seen = preview(api, queue, *FEW)
    assert log(queue) == []
    assert sql("SELECT count(*) FROM annotators") == [(0,)]
    done = bring(api, queue, *FEW)
    assert {name: done[name] for name in seen} == seen
    assert counts(done) == {"annotations": 5, "new": 5, "done": 4, "disputed": 1}
    assert done["verdicts"] == {"relabel": 2, "right": 1, "unusable": 1, "unsure": 1}
    assert done["annotators"] == [
        {"name": "ada", "annotations": 4, "is_new": True},
        {"name": "ben@example.com", "annotations": 1, "is_new": True},
    ]
    assert outcomes(queue) == {
        0: ("relabel", "bee"),
        1: ("right", "bee"),
        2: ("unusable", None),
        4: ("relabel", "ant"),
    }
    require_sound(queue)
    history = get(api, f"/queues/{queue}/items/0/verdicts")["items"]
    assert [(each["comment"], each["seconds"]) for each in history] == [("it flies", 3.5)]
    names = {each["name"] for each in get(api, f"/queues/{queue}/reviewers")}
    assert names == {"ada (label-studio)", "ben@example.com (label-studio)"}
    [line] = [
        each
        for each in get(Person(api, "admin").client, "/log")["items"]
        if "import" in each["action"]
    ]
    assert (line["action"], line["details"]["new"]) == ("import_annotations", 5)
    assert get(api, f"/queues/{queue}/imports")["items"] == [done]


def test_the_same_again_changes_nothing(api: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    bring(api, queue, *FEW)
    before = log(queue)
    again = bring(api, queue, *FEW)
    assert counts(again) == {"annotations": 5, "unchanged": 5}
    assert again["id"] is None
    assert log(queue) == before
    assert len(get(api, f"/queues/{queue}/imports")["items"]) == 1
    # Nor does what says the same at another time, or comes with something new.
    more = bring(api, queue, said(0, "bee", revision="later"), said(5, "ant"))
    assert counts(more) == {"annotations": 2, "unchanged": 1, "new": 1, "done": 1}
    require_sound(queue)


def test_who_says_otherwise_later_changes_their_verdict_and_an_old_file_does_not(
    api: TestClient,
) -> None:
    queue, _ = make_queue(api, 20)
    bring(api, queue, said(0, "bee", revision="1"))
    changed = bring(api, queue, said(0, "cat", revision="2"))
    assert counts(changed) == {"annotations": 1, "changed": 1}
    assert outcomes(queue)[0] == ("relabel", "cat")
    assert counts(bring(api, queue, said(0, "bee", revision="1")))["unchanged"] == 1
    assert outcomes(queue)[0] == ("relabel", "cat")
    # Back to what they said first.
    assert counts(bring(api, queue, said(0, "bee", revision="3")))["changed"] == 1
    assert outcomes(queue)[0] == ("relabel", "bee")
    # Of one file the last counts.
    both = bring(api, queue, said(7, "bee"), said(7, "eel"))
    assert counts(both) == {"annotations": 2, "new": 1, "repeated": 1, "done": 1}
    assert outcomes(queue)[7] == ("relabel", "eel")
    require_sound(queue)


def test_several_annotators_agree_or_are_disputed_as_reviewers_are(api: TestClient) -> None:
    queue, _ = make_queue(api, 20, overlap=2)
    rows = [said(0, "bee"), said(0, "bee", "ben"), said(1, "cat"), said(1, "dog", "ben")]
    done = bring(api, queue, *rows, said(2, "dog"), said(0, "cat", "cy"))
    # The third on the first example is one more than the queue asks for.
    assert counts(done) == {"annotations": 6, "new": 5, "taken": 1, "done": 1, "disputed": 1}
    assert outcomes(queue) == {0: ("relabel", "bee")}
    require_sound(queue)
    # A reviewer's verdict counts beside an annotator's.
    Person(api).decide(queue, 2, "relabel", label="dog")
    assert outcomes(queue)[2] == ("relabel", "dog")
    person = Person(api, "engineer")
    item = person.next(queue, adjudicate=True)
    person.decide(queue, item["position"], "relabel", label="dog", adjudicate=True)
    assert outcomes(queue)[1] == ("relabel", "dog")
    require_sound(queue)


def test_two_who_say_the_same_are_two(api: TestClient) -> None:
    queue, _ = make_queue(api, 20, overlap=2)
    bring(api, queue, said(0, "bee"))
    more = bring(api, queue, said(0, "bee"), said(0, "bee", "ben"))
    assert counts(more) == {"annotations": 2, "unchanged": 1, "new": 1, "done": 1}
    assert outcomes(queue) == {0: ("relabel", "bee")}
    require_sound(queue)


def test_what_others_decided_or_hold_is_left_alone(api: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    reviewer = Person(api)
    reviewer.decide(queue, 3, "right")
    held = reviewer.next(queue)["position"]
    before = log(queue)
    rows = [said(3, "bee"), said(held, "bee")]
    assert counts(bring(api, queue, *rows)) == {"annotations": 2, "taken": 2}
    assert log(queue) == before
    require_sound(queue)


def test_unknown_keys_and_labels_are_told_by_row_and_nothing_is_written(api: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    rows = [said(0, "bee"), said(99, "bee"), said(1, "wasp"), said(2), said(3, "ant", value=1.0)]
    seen = preview(api, queue, *rows)
    assert [(each["row"], each["field"]) for each in seen["invalid_rows"]] == [
        (1, "key"),
        (2, "label"),
        (3, "label"),
        (4, "label"),
    ]
    refused = bring(api, queue, *rows, status=422)
    assert "4 cannot be imported; none was" in refused["detail"]
    assert refused["errors"][0]["field"] == "annotations.1.key"
    assert (log(queue), sql("SELECT count(*) FROM annotators")) == ([], [(0,)])
    done = bring(api, queue, *rows, leave_out_invalid=True)
    assert counts(done) == {"annotations": 5, "new": 1, "invalid": 4, "done": 1}


def test_an_import_is_undone_as_one_and_can_come_again(api: TestClient) -> None:
    queue, _ = make_queue(api, 20, overlap=2)
    first = bring(api, queue, said(0, "bee"), said(1, "cat"), said(1, "cat", "ben"))
    second = bring(api, queue, said(0, "dog", revision="2"), said(2, "dog"))
    Person(api).decide(queue, 0, "relabel", label="dog")
    assert outcomes(queue) == {0: ("relabel", "dog"), 1: ("relabel", "cat")}

    undone = post(api, f"/queues/{queue}/imports/{second['id']}/undo", status=200)
    assert undone["undone_at"] is not None
    require_sound(queue)
    # Whoever changed their mind in it is taken at what they said before.
    assert get(api, f"/queues/{queue}/items/0")["state"] == "disputed"
    assert get(api, f"/queues/{queue}/items/2")["votes"] == 0
    again = post(api, f"/queues/{queue}/imports/{second['id']}/undo", status=409)
    assert again["type"].endswith("review-import-undone")

    post(api, f"/queues/{queue}/imports/{first['id']}/undo", status=200)
    require_sound(queue)
    assert outcomes(queue) == {}
    assert sql("SELECT count(*) FROM review_claims WHERE queue_id = :q", q=queue) == [(0,)]
    for _ in range(2):
        bring(api, queue, said(0, "bee"), said(1, "cat"), said(1, "cat", "ben"))
    assert outcomes(queue) == {1: ("relabel", "cat")}
    assert get(api, f"/queues/{queue}/items/1")["votes"] == 2
    require_sound(queue)
    post(api, f"/queues/{queue}/imports/{uuid4()}/undo", status=404)


def test_numbers(api: TestClient) -> None:
    made = add_world("lab", 20, is_regression=True)
    asked = {"name": "numbers", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}}
    queue = post(api, "/queues", asked)["id"]
    rows = [said(0, value=2.5), said(1, "7.25"), said(2, "0.2"), said(3, "many"), said(4, "nan")]
    seen = preview(api, queue, *rows)
    assert [each["key"] for each in seen["invalid_rows"]] == ["key-3", "key-4"]
    bring(api, queue, *rows[:3])
    found = sql(
        "SELECT position, outcome, outcome_value FROM review_items"
        " WHERE queue_id = :q AND outcome IS NOT NULL ORDER BY 1",
        q=queue,
    )
    assert found == [(0, "relabel", 2.5), (1, "relabel", 7.25), (2, "right", 0.2)]


def test_what_was_mixed_in_is_decided_in_its_queue_alone(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "CHANCE", mixed.Always(1))
    made = add_world("lab", 60)
    mixed.found_right(api, made.scan_id, 12)
    queue = mixed.queue_of(api, made.scan_id, audits=3, canaries=3)
    reviewer = Person(api)
    for _ in range(5):
        assert reviewer.work(queue, "unsure")
    drawn = sorted(p for p, role in mixed.roles_of(queue).items() if role != "flag")
    assert drawn
    before = log(queue)
    done = bring(api, queue, *(said(position, "bee") for position in drawn))
    assert counts(done) == {"annotations": len(drawn), "mixed_in": len(drawn)}
    assert log(queue) == before
    mixed.require_exact(made, 60)


def test_what_is_drawn_while_an_import_waits_for_it_is_left_alone(api: TestClient) -> None:
    queue, _ = make_queue(api, 20, overlap=2)
    with ThreadPoolExecutor(1) as pool, transaction() as db:
        db.execute(
            text("UPDATE review_items SET place = 0 WHERE queue_id = :q AND position = 3"),
            {"q": queue},
        )
        asked = pool.submit(bring, api, queue, said(3, "bee"), said(4, "bee"))
        while sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(1,)]:
            pass
        db.commit()
        done = asked.result()
    assert counts(done) == {"annotations": 2, "new": 1, "mixed_in": 1}
    assert [position for position, *_ in log(queue)] == [4]


def test_who_may(api: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    url = f"{LAB}/queues/{queue}/imports"
    body = {"tool": "argilla", "annotations": [said(0, "bee")]}
    reviewer = Person(api).client
    assert reviewer.post(url, json=body).status_code == 403
    assert reviewer.post(f"{url}/preview", json=body).status_code == 403
    assert reviewer.get(url).status_code == 200
    post(api, f"/queues/{queue}/close", status=200)
    assert api.post(url, json=body).status_code == 409
    assert log(queue) == []


@pytest.mark.parametrize("name", ["", " ", "a\x1b[2Jb", "a\nb", "x\u202ey", "z" * 201])
def test_names_that_cannot_be_shown_are_refused(api: TestClient, name: str) -> None:
    queue, _ = make_queue(api, 20)
    assert bring(api, queue, said(0, "bee", name), status=422)["errors"]


def test_a_thousand_at_once(api: TestClient) -> None:
    queue, _ = make_queue(api, 1000)
    rows = [said(i, CLASSES[(i + 1) % 5], f"person {i % 7}") for i in range(1000)]
    assert counts(bring(api, queue, *rows)) == {"annotations": 1000, "new": 1000, "done": 1000}
    require_sound(queue)
    progress = get(api, f"/queues/{queue}/progress")
    assert (progress["done"], progress["open"]) == (1000, 0)
