"""The review page's answers: what they hold, for whom, and in how many statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from tests.app.dashboard.steps import person_signed_in, signed_in
from tests.app.reviews.world import Person, SignedIn
from tests.support import get, make_scan, post, run_scan


@pytest.fixture
def scan(api: TestClient, data_dir: Path) -> dict[str, Any]:
    made = make_scan(api, data_dir, evidence=True)
    run_scan(made["id"])
    return made


def make_queue(api: TestClient, scan: dict[str, Any], **body: Any) -> str:
    asked = {"name": str(uuid4()), "scan_id": scan["id"], "policy": {"kind": "filter"}}
    made: str = post(api, "/queues", asked | body)["id"]
    return made


def page_of(queue: str, path: str = "review") -> str:
    return f"/projects/lab/queues/{queue}/{path}"


def positions(api: TestClient, scan: dict[str, Any], count: int) -> list[int]:
    scores = get(api, f"/scans/{scan['id']}/scores", limit=count)["items"]
    return [score["position"] for score in scores]


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    from app import db

    seen: list[str] = []

    def note(*given: Any) -> None:
        seen.append(given[2])

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)


def test_looking_at_the_page_takes_nothing(api: TestClient, scan: dict[str, Any]) -> None:
    queue = make_queue(api, scan)
    browser = person_signed_in(api)
    assert browser.get(page_of(queue)).status_code == 200
    grace = Person(api)
    first = grace.next(queue)
    assert first["place"] == 1


def test_a_page_of_ten_items_takes_as_many_statements_as_one(
    api: TestClient, scan: dict[str, Any]
) -> None:
    queue = make_queue(api, scan)
    some = positions(api, scan, 10)
    browser = signed_in(api)
    counts = []
    for asked in (some[:1], some):
        with counted_statements() as seen:
            answer = browser.get(page_of(queue, "parts"), params={"position": asked})
        assert answer.text.count("<article") == len(asked)
        counts.append(len(seen))
    assert counts[0] == counts[1]
    # Who asks (3), queue, scan, dataset, items, scores, flags, verdicts, counts (2), and begins.
    assert counts[1] <= 16, seen


def test_parts_come_in_the_order_asked_for_without_what_is_not_there(
    api: TestClient, scan: dict[str, Any]
) -> None:
    queue = make_queue(api, scan, policy={"kind": "top_k", "k": 5})
    wanted = list(reversed(positions(api, scan, 5)))
    (outside,) = positions(api, scan, 6)[5:]
    answer = person_signed_in(api).get(
        page_of(queue, "parts"), params={"position": [*wanted, outside]}
    )
    found = [int(each) for each in re.findall(r'data-position="(\d+)"', answer.text)]
    assert found == wanted


def test_a_queue_that_hides_the_suggestion_tells_nothing_of_it(
    api: TestClient, scan: dict[str, Any]
) -> None:
    queue = make_queue(api, scan, show_suggestion=False)
    (position,) = positions(api, scan, 1)
    browser = person_signed_in(api)
    page = browser.get(page_of(queue, "parts"), params={"position": position}).text
    for telling in ("the model", "The model", 'data-do="accept"', "% sure", "thought wrong"):
        assert telling not in page
    assert "More suspicious than" in page
    evidence = browser.get(page_of(queue, f"items/{position}/evidence")).text
    assert "Opponents" not in evidence
    shown = make_queue(api, scan)
    page = browser.get(page_of(shown, "parts"), params={"position": position}).text
    assert "the model" in page.lower()
    assert "Opponents" in browser.get(page_of(shown, f"items/{position}/evidence")).text


def test_whoever_is_still_to_decide_does_not_see_what_others_decided(
    api: TestClient, scan: dict[str, Any]
) -> None:
    queue = make_queue(api, scan, overlap=2)
    ada = Person(api)
    item = ada.next(queue)
    ada.decide(queue, item["position"], "unusable", comment="all blue")
    browser = person_signed_in(api)
    path = page_of(queue, f"items/{item['position']}")
    assert "all blue" not in browser.get(path).text
    assert "all blue" in signed_in(api).get(path).text  # an engineer, who does not review it
    Person(api).decide(queue, item["position"], "unusable")
    page = browser.get(path).text
    assert "all blue" in page
    assert "Settled by its reviewers: not usable." in page


def test_a_batch_that_another_undid_is_shown_as_taken_back(
    api: TestClient, scan: dict[str, Any]
) -> None:
    queue = make_queue(api, scan)
    (position,) = positions(api, scan, 1)
    batch = {
        "selection": {"keys": [get(api, f"/queues/{queue}/items/{position}")["key"]]},
        "verdict": {"kind": "unusable"},
    }
    made = post(Person(api, "engineer").client, f"/queues/{queue}/batches", batch)
    post(Person(api, "engineer").client, f"/queues/{queue}/batches/{made['id']}/undo", status=200)
    page = signed_in(api).get(page_of(queue, f"items/{position}")).text
    assert '<s>not usable, with others at once</s> <span class="muted">taken back' in page


def test_whoever_skipped_an_item_that_is_settled_meanwhile_is_not_asked_again(
    api: TestClient, scan: dict[str, Any]
) -> None:
    queue = make_queue(api, scan)
    ada = SignedIn(api)
    position = ada.work(queue, "skip")["position"]
    page = page_of(queue, f"items/{position}")
    assert "data-settled" not in ada.client.get(page).text
    Person(api).decide(queue, position)
    assert "data-settled" in ada.client.get(page).text


def test_the_page_says_why_somebody_cannot_review(api: TestClient, scan: dict[str, Any]) -> None:
    assigned = make_queue(api, scan, reviewers=[Person(api).id])
    assert "not yours to review" in person_signed_in(api).get(page_of(assigned)).text
    queue = make_queue(api, scan)
    adjudicate = person_signed_in(api).get(page_of(queue), params={"adjudicate": True})
    assert "Only adjudicators" in adjudicate.text
    post(api, f"/queues/{queue}/close", status=200)
    assert "closed" in person_signed_in(api).get(page_of(queue)).text
    for page in (assigned, queue):
        assert "data-look-only" in person_signed_in(api).get(page_of(page)).text


def test_a_queue_of_another_project_is_not_found(api: TestClient, scan: dict[str, Any]) -> None:
    queue = make_queue(api, scan)
    stranger = person_signed_in(api, project="elsewhere")
    for path in ("review", "parts?position=1", "items/1", "items/1/evidence"):
        url = f"/projects/elsewhere/queues/{queue}/{path}"
        assert stranger.get(url).status_code == 404


def test_an_item_that_the_queue_has_not_is_not_found(api: TestClient, scan: dict[str, Any]) -> None:
    queue = make_queue(api, scan, policy={"kind": "top_k", "k": 1})
    (outside,) = positions(api, scan, 2)[1:]
    answer = person_signed_in(api).get(page_of(queue, f"items/{outside}"))
    assert answer.status_code == 404
    assert f"no item {outside}" in answer.text


def test_numbers_that_stand_out_of_their_column_are_marked(
    api: TestClient, scan: dict[str, Any]
) -> None:
    from uuid import UUID

    import numpy as np

    from app.datasets.content import open_store
    from app.datasets.service import datasets_of
    from app.db import reading
    from app.reviews.odd_cells import odd_cells

    dataset_id = UUID(get(api, f"/scans/{scan['id']}")["dataset_id"])
    with reading() as db:
        dataset = datasets_of(db, [dataset_id])[dataset_id]
        rows = np.asarray(open_store(dataset).rows(0, 200).inputs)
        odd = [odd_cells(dataset, position) for position in range(200)]
    lowest, highest = int(rows[:, 2].argmin()), int(rows[:, 2].argmax())
    assert odd[lowest][2] == "lower than 99 % of the rows"
    assert odd[highest][2] == "higher than 99 % of the rows"
    marked = sum(2 in each for each in odd)
    assert 2 <= marked <= 6
    usual = next(position for position in range(200) if not odd[position])
    queue = make_queue(api, scan)
    page = (
        person_signed_in(api)
        .get(page_of(queue, "parts"), params={"position": [lowest, usual]})
        .text
    )
    first, second = page.split("</article>")[:2]
    assert "<mark>" in first
    assert "<mark>" not in second
