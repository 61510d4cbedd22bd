"""A blind queue: made by a lead with the keyboard, and reviewed without a hint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser import looks
from tests.browser.conftest import NewContext, Site, sign_in
from tests.browser.review_desk import Sit, make_queue, sitting
from tests.support import get, post

QUEUES = "/projects/lab/queues"


@pytest.fixture
def sit(new_context: NewContext, site: Site) -> Sit:
    return sitting(new_context, site)


@pytest.fixture
def queue(site: Site) -> Iterator[str]:
    made = make_queue(site, audits=20)
    yield made
    # Or other tests' reviewers were blind as well.
    post(site.api, f"/queues/{made}/close", status=200)


def test_items_of_a_blind_queue_are_decided_without_a_hint(
    sit: Sit, site: Site, queue: str
) -> None:
    desk = sit(queue)
    desk.open()
    for key in ("a", "u", "a"):
        desk.press_and_see_the_next(key)
        expect(desk.page.get_by_text("Why it is here")).to_have_count(0)
        expect(desk.page.get_by_text("suspicion")).to_have_count(0)
        expect(desk.item.locator("[data-do=accept]")).to_have_count(0)
    assert len(desk.saved(3)) == 3
    looks.look(desk.page, "review-blind", keep=False)
    first = desk.name()
    desk.press("Backspace")
    expect(desk.item).not_to_have_attribute("data-name", first)
    desk.saved(4)
    desk.page.goto(f"{QUEUES}/{queue}")
    expect(desk.page.get_by_text("reviewed blindly")).to_be_visible()
    looks.look(desk.page, "queue-blind", keep=False)
    desk.watch.expected.append("403")
    desk.page.goto(f"/projects/lab/scans/{site.world.images}")
    expect(desk.page.get_by_text("reviewed blindly in the queue")).to_be_visible()
    looks.check_accessibility(desk.page, "under blind review")


def test_a_lead_changes_what_is_mixed_in(new_context: NewContext, site: Site, queue: str) -> None:
    context, watch = new_context()
    watch.expected.append("422")
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"{QUEUES}/{queue}/settings")
    page.get_by_label("Audits, drawn from").fill("40")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("What is mixed in is changed")
    assert get(site.api, f"/queues/{queue}")["audits"] == 40
    page.goto(f"{QUEUES}/new?scan={site.world.images}")
    page.get_by_text("Proof of how clean the data is").press("Enter")
    expect(page.get_by_label("Canaries, at most")).to_be_visible()
    page.get_by_label("Audits").fill("some")
    expect(page.locator("#problem-audits")).to_contain_text("whole number")
    page.get_by_label("Audits").fill("20")
    expect(page.locator("#preview")).to_contain_text("20 audits on top")
    looks.look(page, "new-queue-proof", keep=False)
