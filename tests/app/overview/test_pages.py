"""The first page of a project."""

from __future__ import annotations

from uuid import uuid4

from fastapi.testclient import TestClient

from tests.app.dashboard.steps import person_signed_in, signed_in
from tests.app.reviews.test_lead_pages import stat
from tests.app.reviews.test_queue_pages import open_page, words
from tests.app.reviews.world import Person, add_scan, make_queue, post
from tests.app.scans.test_pages import statements

PROJECT = "/projects/lab"


def test_an_empty_project_says_how_to_begin(api: TestClient) -> None:
    assert "Nothing here yet" in open_page(signed_in(api), PROJECT)


def test_it_shows_what_there_is_and_what_was_found(api: TestClient) -> None:
    queue, made = make_queue(api, 50, name="suspects")
    ada = Person(api)
    ada.work(queue, "right")
    item = ada.next(queue)
    ada.decide(queue, item["position"], "relabel", label=other_than(item["given_label"]))
    page = open_page(signed_in(api, role="viewer"), PROJECT)
    assert stat(page, "wrong labels found") == "1 50 % of 2 settled, in 1 queue"
    assert stat(page, "open items") == "48 in 1 open queue"
    assert stat(page, "decided today").startswith("2 by 1 person")
    assert f"/scans/{made.scan_id}" in page
    assert f"/datasets/{made.dataset_id}" in page
    assert "2 of 50 settled" in words(page)
    assert "/review" not in page
    post(api, f"/queues/{queue}/close", status=200)
    assert "All queues are settled or closed." in open_page(signed_in(api), PROJECT)


def other_than(label: str) -> str:
    return "ant" if label != "ant" else "bee"


def test_only_admins_see_the_last_activity(api: TestClient) -> None:
    make_queue(api, 5, name="<b>suspects</b>")
    assert "Last activity" not in open_page(signed_in(api), PROJECT)
    page = open_page(person_signed_in(api, "admin", name="Grace"), PROJECT)
    assert "create queue" in words(page)
    assert "<b>suspects" not in page


def test_it_takes_as_many_statements_for_much_as_for_little(api: TestClient) -> None:
    queue, made = make_queue(api, 30)
    browser = person_signed_in(api, "admin")
    Person(api).work(queue)
    with statements() as few:
        open_page(browser, PROJECT)
    for number in range(6):
        scan = str(add_scan(made.dataset_id, 30, seed=number))
        body = {"name": str(uuid4()), "scan_id": scan, "policy": {"kind": "filter"}}
        Person(api).work(post(api, "/queues", body)["id"])
    with statements() as many:
        open_page(browser, PROJECT)
    assert len(few) == len(many) <= 20
