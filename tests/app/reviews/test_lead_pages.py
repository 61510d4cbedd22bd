"""A queue's own pages: what was found, by whom, and what a lead changes."""

from __future__ import annotations

import html
import re
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, person_signed_in, signed_in
from tests.app.reviews.test_queue_pages import QUEUES, open_page, problem, words
from tests.app.reviews.world import Person, add_scan, add_world, get, make_queue, post, sql
from tests.app.scans.test_pages import statements
from tests.support import make_person


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    return signed_in(api)


def stat(page: str, name: str) -> str:
    """A figure at a glance, with its note."""
    found = re.search(rf"<dt>{name}</dt>(.*?)</div>", page, re.DOTALL)
    assert found is not None, name
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split())


def test_what_was_found_is_counted_by_class_and_person(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 50)
    page = open_page(browser, f"{QUEUES}/{queue}")
    assert "Nothing is decided yet" in page
    ada, bob = Person(api), Person(api)
    for kind in ("right", "right", "unusable", "skip"):
        ada.work(queue, kind, seconds=2.0)
    wrong = []
    for _ in range(3):
        item = bob.next(queue)
        assert item is not None
        to = "ant" if item["given_label"] != "ant" else "bee"
        bob.decide(queue, item["position"], "relabel", label=to, seconds=4.0)
        wrong.append((item["given_label"], to))
    page = open_page(browser, f"{QUEUES}/{queue}")
    assert stat(page, "wrong labels found") == "3 50 % of 6 settled; 1 more not usable"
    assert stat(page, "settled").startswith("12")
    assert "6 of 50 items" in stat(page, "settled")
    assert "decisions an hour" in stat(page, "pace")
    table = words("<main" + page.partition('id="reviewers"')[2].partition("</section>")[0])
    for told in ("4.0 s", "2.0 s", "1 skip", "100 %"):
        assert told in table
    for given, to in wrong:
        assert f"given {given}, found to be {to}" in page
        listed = open_page(
            browser, f"{QUEUES}/{queue}/items?which=wrong&given={given}&verdict={to}"
        )
        assert listed.count("card item") == wrong.count((given, to))
    assert page.count('class="who break') == 7


def test_the_live_part_is_the_same_as_the_page_and_takes_as_many_statements_for_many(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 80, overlap=2)
    ada, bob = Person(api), Person(api)

    def work(count: int) -> None:
        for _ in range(count):
            ada.work(queue, "right")
            bob.work(queue, "unusable")

    work(2)
    with statements() as few:
        live = open_page(browser, f"{QUEUES}/{queue}/live")
    for _ in range(4):
        Person(api).work(queue)
    work(20)
    with statements() as many:
        open_page(browser, f"{QUEUES}/{queue}/live")
    assert len(few) == len(many) <= 22
    assert "<html" not in live
    assert "2 disputed" in words("<main>" + live)
    with statements() as page:
        open_page(browser, f"{QUEUES}/{queue}")
    assert len(page) == len(many)


def test_disputed_items_are_shown_with_who_says_what_and_a_way_to_settle_them(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 5, overlap=2)
    Person(api).work(queue, "right")
    Person(api).work(queue, "unusable")
    page = open_page(browser, f"{QUEUES}/{queue}")
    assert f'href="{QUEUES}/{queue}/review?adjudicate=true" id="adjudicate"' in page
    said = re.findall(r'class="said">([^<]+)<', page)
    assert len(said) == 2
    assert "test: not usable" in said
    reviewer = open_page(signed_in(api, role="reviewer"), f"{QUEUES}/{queue}")
    assert 'id="adjudicate"' not in reviewer
    listed = open_page(browser, f"{QUEUES}/{queue}/items?which=disputed")
    assert listed.count("card item") == 1


def test_what_others_said_of_an_open_item_is_not_told_to_reviewers(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 5, overlap=2)
    Person(api).work(queue, "unusable", comment="blurred")
    for path in ("", "/log", "/items"):
        reviewer = words(open_page(signed_in(api, role="reviewer"), f"{QUEUES}/{queue}{path}"))
        assert "not usable test" not in reviewer
        assert "blurred" not in reviewer
    assert "told once the item is settled" in reviewer or path == "/items"
    lead = open_page(browser, f"{QUEUES}/{queue}/log")
    assert "not usable" in words(lead)
    assert "blurred" in lead


def test_the_log_has_each_verdict_once_page_by_page_and_by_person(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 70)
    ada, bob = Person(api), Person(api)
    for _ in range(30):
        ada.work(queue)
        bob.work(queue)
    ada.undo(queue)
    url = f"{QUEUES}/{queue}/log"
    page = open_page(browser, url)
    seen = re.findall(r'class="mono">([^<]+)<', page)
    assert len(seen) == 50
    assert "taken back" in words(page)
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following is not None
    seen += re.findall(r'class="mono">([^<]+)<', open_page(browser, html.unescape(following[1])))
    assert len(seen) == 61
    assert len(set(seen)) == 60
    mine = open_page(browser, f"{url}?who={bob.id}")
    assert len(re.findall(r'class="mono">', mine)) == 30
    assert "Nothing by them" in open_page(browser, f"{url}?who={uuid4()}")
    open_page(browser, f"{url}?after=nonsense", 422)


def test_items_are_listed_whole_and_by_what_became_of_them(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 60)
    ada = Person(api)
    for kind in ("right", "unusable"):
        ada.work(queue, kind)
    url = f"{QUEUES}/{queue}/items"
    page = open_page(browser, url)
    seen = re.findall(r'id="item-(\d+)"', page)
    while following := re.search(r'href="([^"]+)" rel="next"', page):
        page = open_page(browser, html.unescape(following[1]))
        seen += re.findall(r'id="item-(\d+)"', page)
    in_order = sql("SELECT position FROM review_items WHERE queue_id = :q ORDER BY place", q=queue)
    assert seen == [str(row[0]) for row in in_order]
    for which in ("right", "unusable"):
        assert open_page(browser, f"{url}?which={which}").count("card item") == 1
    assert "Nothing of the kind yet" in open_page(browser, f"{url}?which=wrong")
    assert "Nothing is disputed" in open_page(browser, f"{url}?which=disputed")
    cats = open_page(browser, f"{url}?given=cat&suggested=dog")
    assert f'href="{QUEUES}/{queue}/bulk?given=cat&amp;suggested=dog"' in cats
    open_page(browser, f"{url}?given=<b>", 422)
    open_page(browser, f"{url}?after=nonsense", 422)
    open_page(browser, f"{QUEUES}/{uuid4()}/items", 404)


def test_agreement_comes_when_asked(api: TestClient, browser: TestClient) -> None:
    queue, _ = make_queue(api, 10, overlap=2)
    page = open_page(browser, f"{QUEUES}/{queue}")
    assert 'data-fill="agreement"' in page
    none = open_page(browser, f"{QUEUES}/{queue}?agreement=1")
    assert "No item has verdicts of two people yet." in none
    for kind in ("right", "right", "unusable"):
        Person(api).work(queue, kind)
    shown = words(open_page(browser, f"{QUEUES}/{queue}?agreement=1"))
    assert "All agree on 100" in shown
    alone, _ = make_queue(api, 10)
    assert "agreement" not in open_page(browser, f"{QUEUES}/{alone}")


def send(browser: TestClient, queue: str, what: str, status: int = 303, **fields: object) -> str:
    page = open_page(browser, f"{QUEUES}/{queue}/settings")
    answer = browser.post(
        f"{QUEUES}/{queue}/{what}", data={"csrf_token": csrf_token(page)} | fields
    )
    assert answer.status_code == status, answer.text
    if status == 303:
        return open_page(browser, answer.headers["location"])
    return answer.text


def test_a_lead_closes_opens_and_orders_a_queue(api: TestClient, browser: TestClient) -> None:
    queue, made = make_queue(api, 50)
    assert "is closed" in send(browser, queue, "close")
    assert "is open again" in send(browser, queue, "reopen")
    better = add_scan(made.dataset_id, 50, seed=7)
    other = add_world("lab", 50).scan_id
    page = send(browser, queue, "order", scan=better, order_by="loss")
    assert "ordered anew" in page
    assert f'value="{better}" selected' in page
    described = get(api, f"/queues/{queue}")
    assert (described["order_scan_id"], described["order_by"]) == (str(better), "loss")
    refused = send(browser, queue, "order", 409, scan=other, order_by="loss")
    assert "another dataset" in problem(refused, "order")


def test_a_lead_says_who_reviews(api: TestClient, browser: TestClient) -> None:
    ada = make_person("lab", "reviewer", name="Ada")
    key = Person(api).id
    queue, _ = make_queue(api, 5, reviewers=[key])
    page = open_page(browser, f"{QUEUES}/{queue}/settings")
    assert f'name="reviewers" value="{key}" checked' in page
    send(browser, queue, "people", who="chosen", reviewers=[str(ada)], adjudicators=[key])
    described = get(api, f"/queues/{queue}")
    assert (described["reviewers"], described["adjudicators"]) == ([str(ada)], [key])
    nobody = send(browser, queue, "people", 422, who="chosen")
    assert "Nobody is ticked." in problem(nobody, "reviewers")
    stranger = send(browser, queue, "people", 422, who="chosen", reviewers=[str(uuid4())])
    assert "may review in this project" in problem(stranger, "reviewers")
    assert get(api, f"/queues/{queue}")["reviewers"] == [str(ada)]
    send(browser, queue, "people", who="all")
    assert get(api, f"/queues/{queue}")["reviewers"] == []


def test_a_lead_says_what_is_mixed_in(api: TestClient, browser: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    assert "What is mixed in is changed" in send(browser, queue, "mixing", audits="7", canaries="")
    described = get(api, f"/queues/{queue}")
    assert (described["audits"], described["canaries"]) == (7, 0)
    assert "0 of 7 audits, 0 canaries" in words(open_page(browser, f"{QUEUES}/{queue}/settings"))
    assert "7 audits mixed in" in words(open_page(browser, f"{QUEUES}/{queue}"))
    refused = send(browser, queue, "mixing", 422, audits="some", canaries="-1")
    assert "How many audits is not a whole number" in problem(refused, "audits")
    assert "How many canaries is not a whole number" in problem(refused, "canaries")
    assert 'value="some"' in refused
    made = add_world("lab", 20, is_regression=True)
    body = {"name": "numbers", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}}
    numbers = post(api, "/queues", body)["id"]
    refused = send(browser, numbers, "mixing", 422, audits="1", canaries="1")
    assert get(api, f"/queues/{numbers}")["audits"] == 0
    send(browser, numbers, "mixing", audits="1")


def test_reviewers_see_a_queue_but_change_nothing_of_it(
    api: TestClient, browser: TestClient
) -> None:
    queue, _ = make_queue(api, 5)
    ada = person_signed_in(api, "reviewer")
    page = open_page(ada, f"{QUEUES}/{queue}")
    assert "settings" not in page
    open_page(ada, f"{QUEUES}/{queue}/settings", 403)
    token = csrf_token(page)
    for what in ("close", "reopen", "order", "people", "mixing"):
        answer = ada.post(f"{QUEUES}/{queue}/{what}", data={"csrf_token": token})
        assert answer.status_code == 403, what
    assert get(api, f"/queues/{queue}")["closed_at"] is None


def test_a_regression_has_numbers_in_the_place_of_classes(
    api: TestClient, browser: TestClient
) -> None:
    made = add_world("lab", 20, is_regression=True)
    body = {"name": "numbers", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}}
    queue = post(api, "/queues", body)["id"]
    Person(api).work(queue, "relabel", value=12.5)
    page = open_page(browser, f"{QUEUES}/{queue}")
    assert 'id="confusion"' not in page
    assert "12.5" in page
    assert "12.5" in open_page(browser, f"{QUEUES}/{queue}/items?which=wrong")


def test_keys_and_comments_are_text(api: TestClient, browser: TestClient) -> None:
    queue, made = make_queue(api, 5)
    sql("UPDATE examples SET key = '<i>' || key WHERE dataset_id = :d", d=made.dataset_id)
    Person(api).work(queue, "right", comment="<script>alert(1)</script>")
    for path in ("", "/items", "/log"):
        page = open_page(browser, f"{QUEUES}/{queue}{path}")
        assert "<i>key" not in page
        assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
