"""The page that decides many at once: what it would do, does, and undoes."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, signed_in
from tests.app.reviews.test_queue_pages import QUEUES, open_page, problem, signed_in_with, words
from tests.app.reviews.world import Person, add_world, get, make_queue, post, require_sound, sql


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    return signed_in(api)


def send(
    browser: TestClient, queue: str, do: str, status: int = 200, **fields: Any
) -> tuple[str, str]:
    url = f"{QUEUES}/{queue}/bulk"
    typed = {"csrf_token": csrf_token(open_page(browser, url)), "do": do} | fields
    answer = browser.post(url, data=typed)
    assert answer.status_code == status, answer.text
    return answer.headers.get("location", ""), answer.text


def group_of(queue: str) -> tuple[str, str, int]:
    """A class pair with open items, and how many they are."""
    classes = ("ant", "bee", "cat", "dog", "eel")
    rows = sql(
        "SELECT given_label, suggested_label, count(*) FROM review_items"
        " WHERE queue_id = :q AND suggested_label IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        q=queue,
    )
    given, suggested, count = rows[0]
    return classes[given], classes[suggested], count


def test_a_group_is_seen_decided_and_undone(api: TestClient, browser: TestClient) -> None:
    queue, _ = make_queue(api, 60)
    given, suggested, count = group_of(queue)
    fields = {"given": given, "suggested": suggested, "kind": "accept", "comment": "the lamp"}
    _, seen = send(browser, queue, "preview", **fields)
    assert f"{count} items would be decided" in seen
    assert seen.count("card item") == min(count, 12)
    assert get(api, f"/queues/{queue}")["done"] == 0

    location, _ = send(browser, queue, "decide", 303, **fields)
    page = open_page(browser, location)
    assert f"{count} items are decided" in page
    assert "the lamp" in page
    assert get(api, f"/queues/{queue}")["done"] == count
    items = open_page(browser, f"{QUEUES}/{queue}/items?which=wrong&given={given}")
    assert items.count("relabelled in a batch") == count
    require_sound(queue)

    undo = re.search(r'action="([^"]+/undo)"', page)
    assert undo is not None
    answer = browser.post(undo[1], data={"csrf_token": csrf_token(page)})
    assert "items are open again" in open_page(browser, answer.headers["location"])
    assert get(api, f"/queues/{queue}")["done"] == 0
    assert 'action="' + undo[1] not in open_page(browser, f"{QUEUES}/{queue}/bulk")
    require_sound(queue)


def test_a_sample_is_drawn_for_the_caller_and_compared_with_the_verdict(
    api: TestClient,
) -> None:
    lead = Person(api, "engineer")
    browser = signed_in_with(api, lead)
    queue, _ = make_queue(api, 60)
    given, suggested, _ = group_of(queue)
    fields = {"given": given, "suggested": suggested, "kind": "relabel", "label": suggested}
    location, _ = send(browser, queue, "sample", 303, k="2", **fields)
    page = open_page(browser, location)
    assert "The sample is yours to decide by hand." in page
    sample = re.search(r'name="sample" value="([^"]+)"', page)
    assert sample is not None
    for kind in ({"kind": "relabel", "label": suggested}, {"kind": "right"}):
        item = lead.next(queue)
        assert item["given_label"] == given
        lead.decide(queue, item["position"], **kind)
    _, seen = send(browser, queue, "preview", sample=sample[1], **fields)
    assert "Of 2 sampled items 2 are decided by hand; 1 of those say the same" in words(seen)


WRONG = [
    ({"kind": "accept"}, "selection", "No group is chosen."),
    ({"given": "cat", "kind": "relabel"}, "verdict", "No label is chosen."),
    ({"given": "cat", "kind": "guess"}, "verdict", "Input should be"),
    ({"given": "cow", "kind": "right"}, "selection", "has no class 'cow'"),
    ({"given": "cat", "kind": "relabel", "label": "cow"}, "verdict", "has no class 'cow'"),
    ({"keys": "nobody", "kind": "right", "do": "decide"}, "selection", "No item that is free"),
    ({"given": "cat", "kind": "right", "k": "many", "do": "sample"}, "k", "not a whole number"),
    ({"given": "cat", "kind": "relabel", "value": "7,x"}, "verdict", "is no number"),
    ({"given": "cat", "kind": "right", "sample": "x"}, "sample_id", "valid UUID"),
]


def test_what_is_wrong_is_told_and_what_was_typed_stays(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 30)
    for fields, name, message in WRONG:
        rest = dict(fields)
        do = rest.pop("do", "preview")
        _, page = send(browser, queue, do, 422, **({"comment": "a <b> reason"} | rest))
        assert message in problem(page, name), fields
        assert 'value="a &lt;b&gt; reason"' in page
    assert get(api, f"/queues/{queue}")["done"] == 0


def test_only_engineers_decide_many(api: TestClient, browser: TestClient) -> None:
    queue, _ = make_queue(api, 30)
    reviewer = signed_in(api, role="reviewer")
    open_page(reviewer, f"{QUEUES}/{queue}/bulk", 403)
    post(api, f"/queues/{queue}/close", status=200)
    assert "The queue is closed" in open_page(browser, f"{QUEUES}/{queue}/bulk")


def test_numbers_of_a_regression_are_decided_by_key(api: TestClient, browser: TestClient) -> None:
    made = add_world("lab", 20, is_regression=True)
    body = {"name": "numbers", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}}
    queue = post(api, "/queues", body)["id"]
    fields = {"keys": "key-1\nkey-2", "kind": "relabel", "value": "3.5"}
    _, seen = send(browser, queue, "preview", **fields)
    assert "2 items would be decided" in seen
    assert "Relabel to 3.50: 2 items" in html.unescape(seen)
    send(browser, queue, "decide", 303, **fields)
    assert get(api, f"/queues/{queue}")["done"] == 2
