"""Two versions and two scans in Chromium: what a review changed, and what became of the flags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from sklearn.datasets import load_digits

from tests.app.compare.world import corrected
from tests.app.reviews.world import Person
from tests.browser import looks
from tests.browser.conftest import serve
from tests.browser.snapshot import empty_tables
from tests.browser.world import add_digits, complete_scan, train_on_digits
from tests.support import begin_session, get, make_key, make_person, post


@dataclass
class Office:
    """A running dashboard whose project `lab` has two versions of digits, a scan of each."""

    url: str
    cookie: str
    datasets: tuple[str, str]
    scans: tuple[str, str]


@pytest.fixture(scope="module")
def site(service: None, application: FastAPI) -> Iterator[Office]:
    from app.settings import settings

    empty_tables()
    folder = Path(settings().allowed_roots[0])
    with TestClient(application) as api:
        api.headers["Authorization"] = f"Bearer {make_key('lab')}"
        first, run = add_digits(api, folder)
        policy = {"kind": "share", "share": 0.1}
        before = complete_scan(api, run, policy=policy)
        dataset = get(api, f"/datasets/{first}")
        queue = post(api, "/queues", {"name": "first look", "scan_id": before})["id"]
        _review(Person(api), queue)
        second = corrected(api, dataset, "v4")
        after = complete_scan(api, train_on_digits(api, folder, second["id"]), policy=policy)
        cookie = begin_session(make_person("lab", "engineer", name="Grace"))
        with serve() as url:
            yield Office(url, cookie, (first, second["id"]), (before, after))


def _review(ada: Person, queue: str) -> None:
    """As the digits are; the first three that are wrong can be read by nobody."""
    truth = load_digits().target
    wrong = 0
    while item := ada.next(queue):
        label = str(truth[item["position"]])
        if label == item["given_label"]:
            ada.decide(queue, item["position"])
        elif (wrong := wrong + 1) <= 3:
            ada.decide(queue, item["position"], "unusable", comment="nobody can read this")
        else:
            ada.decide(queue, item["position"], "relabel", label=label)


@pytest.fixture
def desk(page: Page, site: Office) -> Page:
    from app.access.guards import COOKIE

    page.context.add_cookies([{"name": COOKIE, "value": site.cookie, "url": site.url}])
    return page


def test_from_a_version_to_what_changed_in_it(desk: Page, site: Office) -> None:
    desk.goto(f"/projects/lab/datasets/{site.datasets[1]}")
    desk.get_by_role("link", name="What changed", exact=True).click()
    expect(desk.get_by_text("relabelled and 3 removed")).to_be_visible()
    expect(desk.locator(".gallery img").first).to_be_visible()
    looks.look(desk, "changes")
    desk.set_viewport_size({"width": 1280, "height": 900})
    cell = desk.locator(".heat a").first
    count = int(cell.inner_text())
    cell.click()
    expect(desk.locator(".gallery li")).to_have_count(count)
    desk.get_by_role("link", name="removed 3").click()
    expect(desk.locator(".gallery li")).to_have_count(3)
    expect(desk.get_by_text("nobody can read this").first).to_be_visible()
    desk.goto(f"/projects/lab/datasets/{site.datasets[0]}/changes")
    expect(desk.get_by_role("heading", name="Compare with which version?")).to_be_visible()
    looks.look(desk, "changes-none", keep=False)
    desk.set_viewport_size({"width": 1280, "height": 900})
    desk.get_by_role("button", name="Compare").click()
    expect(desk.get_by_text("relabelled and 3 added")).to_be_visible()


def test_from_a_scan_to_what_became_of_its_flags(desk: Page, site: Office) -> None:
    desk.goto(f"/projects/lab/scans/{site.scans[1]}")
    desk.get_by_role("link", name="Compare", exact=True).click()
    expect(desk.get_by_role("img", name="flags before")).to_be_visible()
    expect(desk.get_by_role("img", name="Distribution of self-influence")).to_be_visible()
    looks.look(desk, "comparison")
    desk.set_viewport_size({"width": 1280, "height": 900})
    tab = desk.get_by_role("link", name="flags gone")
    count = int(tab.inner_text().split()[-1])
    tab.click()
    in_a_page = 48
    expect(desk.locator(".gallery li")).to_have_count(in_a_page)
    desk.get_by_role("link", name="Next page").click()
    expect(desk.locator(".gallery li")).to_have_count(count - in_a_page)
    desk.locator(".gallery a").first.click()
    expect(desk.get_by_role("heading", level=1)).to_be_visible()
