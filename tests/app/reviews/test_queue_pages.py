"""The pages of queues: what each shows, offers, refuses and keeps."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, person_signed_in, signed_in
from tests.app.reviews.world import Person, add_world, get, make_queue, post
from tests.app.scans.test_pages import statements
from tests.support import make_person

QUEUES = "/projects/lab/queues"
NEW = f"{QUEUES}/new"


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    return signed_in(api)


def open_page(browser: TestClient, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


def words(page: str) -> str:
    """A page's main part as one reads it."""
    main = page.partition("<main")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def typed(scan: object, **changes: Any) -> dict[str, Any]:
    fields = {
        "scan": str(scan), "name": "suspects", "policy": "flagged", "top_k": "100",
        "suspicion": "95", "of_class": "10", "keys": "", "order_by": "suspicion", "overlap": "1",
        "minutes": "10", "tolerance": "0", "who": "all", "do": "make",
    }  # fmt: skip
    return fields | changes


def send(browser: TestClient, scan: object, status: int = 303, **changes: Any) -> tuple[str, str]:
    """Sends the form of a new queue; where it leads, and the page it answers with."""
    page = open_page(browser, f"{NEW}?scan={scan}")
    answer = browser.post(NEW, data={"csrf_token": csrf_token(page)} | typed(scan, **changes))
    assert answer.status_code == status, answer.text
    return answer.headers.get("location", ""), answer.text


def problem(page: str, name: str) -> str:
    """What is said beside a field."""
    found = re.search(rf'id="problem-{name}">(.*?)</div>', page, re.DOTALL)
    assert found is not None, name
    return html.unescape(re.sub(r"<[^>]+>", "", found[1]))


def preview(page: str) -> str:
    found = re.search(r'id="preview"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert found is not None
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", found[1])).split())


def made(api: TestClient, location: str) -> Any:
    return get(api, f"/queues/{location.rpartition('/')[2]}")


def test_without_a_queue_it_says_how_to_make_one(api: TestClient, browser: TestClient) -> None:
    assert "Make one from a scan's results" in words(open_page(browser, QUEUES))
    reviewer = open_page(signed_in(api, role="reviewer"), QUEUES)
    assert "An engineer makes queues" in words(reviewer)
    assert "/queues/new" not in reviewer


def test_a_queue_shows_its_progress_and_what_is_mine_to_do(api: TestClient) -> None:
    queue, _ = make_queue(api, 40, name="suspects")
    ada = person_signed_in(api, "reviewer", name="Ada")
    page = open_page(ada, QUEUES)
    assert "0 of 40 settled 40 open" in words(page)
    review = f'href="{QUEUES}/{queue}/review" data-key="r" autofocus'
    assert review in page

    bob = Person(api)
    for kind in ("right", "right", "skip"):
        bob.work(queue, kind)
    assert "2 of 40 settled 38 open, 1 skip" in words(open_page(ada, QUEUES))
    mine = signed_in_with(api, bob)
    shown = words(open_page(mine, QUEUES))
    assert "You decided 2 today." in shown
    bob.next(queue)
    assert "Go on" in (shown := words(open_page(mine, QUEUES)))
    assert "You have 1 item in hand." in shown


def signed_in_with(api: TestClient, person: Person) -> TestClient:
    from tests.app.dashboard.steps import browser_of

    browser = browser_of(api)
    assert browser.post("/sign-in", data={"api_key": person.key}).status_code == 303
    return browser


def test_each_is_offered_what_they_may_do(api: TestClient, browser: TestClient) -> None:
    ada = make_person("lab", "reviewer", name="Ada")
    queue, _ = make_queue(api, 2, overlap=2, reviewers=[str(Person(api).id), str(ada)])
    viewer = open_page(signed_in(api, role="viewer"), QUEUES)
    assert "You may look on." in words(viewer)
    assert f"{queue}/review" not in viewer
    other = open_page(signed_in(api, role="reviewer"), QUEUES)
    assert "Assigned to others." in words(other)
    assert f"{queue}/review" not in other

    plain, _ = make_queue(api, 1, overlap=2)
    Person(api).work(plain, "right")
    Person(api).work(plain, "unusable")
    assert "1 disputed" in words(open_page(browser, QUEUES))
    assert f"{plain}/review?adjudicate=true" in open_page(browser, QUEUES)
    reviewer = open_page(signed_in(api, role="reviewer"), QUEUES)
    assert "Disputed items wait for an adjudicator." in words(reviewer)
    post(api, f"/queues/{plain}/close", status=200)
    assert "Closed: nothing is given out." in words(open_page(browser, QUEUES))


def test_pages_add_up_to_the_whole_in_as_many_statements(
    api: TestClient, browser: TestClient
) -> None:
    scan = str(add_world("lab", 20).scan_id)

    def add(count: int) -> None:
        for _ in range(count):
            body = {"name": str(uuid4()), "scan_id": scan, "policy": {"kind": "top_k", "k": 1}}
            post(api, "/queues", body)

    add(2)
    with statements() as few:
        open_page(browser, QUEUES)
    add(20)
    with statements() as many:
        page = open_page(browser, QUEUES)
    assert len(few) == len(many) <= 8
    seen = re.findall(r'id="open-([^"]+)"', page)
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following is not None
    seen += re.findall(r'id="open-([^"]+)"', open_page(browser, html.unescape(following[1])))
    assert len(seen) == len(set(seen)) == 22


def test_a_queue_is_made_as_the_form_says(api: TestClient, browser: TestClient) -> None:
    ada, bob = make_person("lab", name="Ada"), make_person("lab", "engineer", name="Bob")
    make_person("lab", "viewer", name="Mallory")
    scan = add_world("lab", 100).scan_id
    page = open_page(browser, f"{NEW}?scan={scan}")
    assert "Mallory" not in page
    assert preview(page) == ""
    assert preview(send(browser, scan, 200, do="count")[1]) == "10 items of 100 examples."
    location, _ = send(
        browser, scan, name=" the suspects ", overlap="2", minutes="2.5", order_by="loss",
        who="chosen", reviewers=[str(ada), str(bob)], adjudicators=[str(bob)], audits="30",
        canaries="5",
    )  # fmt: skip
    queue = made(api, location)
    assert queue["name"] == "the suspects"
    assert (queue["overlap"], queue["claim_ttl_s"], queue["order_by"]) == (2, 150, "loss")
    assert set(queue["reviewers"]) == {str(ada), str(bob)}
    assert queue["adjudicators"] == [str(bob)]
    assert (queue["audits"], queue["canaries"], queue["item_count"]) == (30, 5, 45)
    assert queue["show_suggestion"] is False
    assert "assigned to 2 people" in words(open_page(browser, location))


POLICIES = [
    ({"policy": "flagged"}, {"kind": "flagged"}),
    ({"policy": "top_k", "top_k": "7"}, {"kind": "top_k", "k": 7}),
    ({"policy": "top_k", "top_k": "7,000"}, {"kind": "top_k", "k": 7000}),
    ({"policy": "suspicion", "suspicion": "90 %"}, {"kind": "suspicion", "at_least": 0.9}),
    ({"policy": "class", "given": "cat"}, {"kind": "class", "given": "cat"}),
    (
        {"policy": "class", "given": "cat", "suggested": "dog"},
        {"kind": "class", "given": "cat", "suggested": "dog"},
    ),
    (
        {"policy": "class", "given": "cat", "suggested": "dog", "flagged_only": "yes"},
        {"kind": "filter", "given": ["cat"], "suggested": ["dog"], "flagged": True},
    ),
    ({"policy": "each_class", "of_class": "3"}, {"kind": "each_class", "k": 3}),
    ({"policy": "keys", "keys": "key-1\r\n key-5 \n\nkey-1"}, {"kind": "keys", "count": 2}),
]


def test_the_preview_says_what_each_policy_makes(api: TestClient, browser: TestClient) -> None:
    scan = add_world("lab", 100, missing=3).scan_id
    for number, (fields, policy) in enumerate(POLICIES):
        _, counted = send(browser, scan, 200, do="count", **fields)
        assert get(api, "/queues")["items"] == [] or number
        location, _ = send(browser, scan, name=f"queue {number}", **fields)
        queue = made(api, location)
        assert queue["policy"] == policy
        count = queue["item_count"]
        assert preview(counted).startswith(f"{count} item"), (fields, preview(counted))


WRONG = [
    ({"name": " "}, "name", "The queue has no name."),
    ({"policy": "top_k", "top_k": "some"}, "policy", "not a whole number"),
    ({"policy": "suspicion", "suspicion": "200"}, "policy", "not a percentage"),
    ({"policy": "class"}, "policy", "No class is chosen."),
    ({"policy": "class", "given": "<b>"}, "policy", "has no class '<b>'"),
    ({"policy": "keys"}, "policy", "No key is given."),
    ({"policy": "keys", "keys": "key-1\nkey-1000"}, "policy", "'key-1000'"),
    ({"order_by": "beauty"}, "order_by", "Input should be"),
    ({"overlap": "0"}, "overlap", "from 1 to 20"),
    ({"audits": "1.5"}, "audits", "not a whole number"),
    ({"canaries": "few"}, "canaries", "not a whole number"),
    ({"minutes": "long"}, "claim_ttl_s", "not a number of minutes"),
    ({"who": "chosen"}, "reviewers", "Nobody is ticked."),
    ({"who": "chosen", "reviewers": [str(uuid4())]}, "reviewers", "may review in this project"),
    ({"adjudicators": [str(uuid4())]}, "adjudicators", "may review in this project"),
]


def test_what_is_wrong_is_told_at_its_field_and_all_that_was_typed_stays(
    api: TestClient, browser: TestClient
) -> None:
    scan = add_world("lab", 100).scan_id
    for fields, name, message in WRONG:
        kept = {"name": "kept & safe", "overlap": "3", "minutes": "7.5"} | fields
        _, page = send(browser, scan, 422, **kept)
        assert message in problem(page, name), fields
        assert page.count("<strong>") >= 2
        for field in ("name", "overlap", "minutes"):
            assert f'value="{html.escape(kept[field])}"' in page
    assert get(api, "/queues")["items"] == []


def test_a_name_that_is_taken_is_told_and_nothing_is_left_of_the_try(
    api: TestClient, browser: TestClient
) -> None:
    scan = add_world("lab", 100).scan_id
    send(browser, scan)
    _, page = send(browser, scan, 409)
    assert "has a queue 'suspects' already" in problem(page, "name")
    _, page = send(browser, scan, 422, name="none", policy="class", given="cat", suggested="cat")
    assert "No example of the scan fits" in problem(page, "policy")
    assert [queue["name"] for queue in get(api, "/queues")["items"]] == ["suspects"]


def test_the_scan_page_leads_to_a_queue_of_what_it_lists(
    api: TestClient, browser: TestClient
) -> None:
    scan = add_world("lab", 100).scan_id
    page = open_page(browser, f"{NEW}?scan={scan}&given=cat&suggested=dog")
    assert 'value="class" id="policy-class" checked' in page
    assert '<option value="cat" selected>' in page
    assert '<option value="dog" selected>' in page
    assert f'href="{NEW}?scan={scan}"' in open_page(browser, NEW)
    open_page(browser, f"{NEW}?scan={uuid4()}", 404)


def test_making_a_queue_is_for_engineers(api: TestClient, browser: TestClient) -> None:
    scan = add_world("lab", 100).scan_id
    token = csrf_token(open_page(browser, f"{NEW}?scan={scan}"))
    reviewer = signed_in(api, role="reviewer")
    open_page(reviewer, f"{NEW}?scan={scan}", 403)
    answer = reviewer.post(NEW, data=typed(scan) | {"csrf_token": token})
    assert answer.status_code == 403
    assert get(api, "/queues")["items"] == []


def test_a_regression_has_no_classes_but_a_tolerance(api: TestClient, browser: TestClient) -> None:
    scan = add_world("lab", 100, is_regression=True).scan_id
    page = open_page(browser, f"{NEW}?scan={scan}")
    assert 'name="given"' not in page
    assert "mean margin" not in page
    location, _ = send(browser, scan, tolerance="0.5")
    assert made(api, location)["tolerance"] == 0.5
    _, page = send(browser, scan, 422, name="other", tolerance="much")
    assert "not a number" in problem(page, "tolerance")


def test_names_and_classes_are_text(api: TestClient, browser: TestClient) -> None:
    name = '<script>alert("name")</script>'
    queue, _ = make_queue(api, 5, name=name)
    for path in (QUEUES, f"{QUEUES}/{queue}"):
        page = open_page(browser, path)
        assert name not in page
        assert html.escape(name, quote=False).replace('"', "&#34;") in page
