"""Queues in Chromium: made from a scan, found by whoever joins, watched by the lead."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.conftest import NewContext, Site, sign_in
from tests.browser.team import Member
from tests.support import get, post

QUEUES = "/projects/lab/queues"
PASSWORD = "bridge lantern otter"
_KEPT = {
    "queues",
    "new-queue",
    "queue",
    "queue-twice",
    "queue-items",
    "queue-log",
    "queue-settings",
    "queue-bulk",
    "project",
}


def make_queue(site: Site, **body: object) -> str:
    asked = {"name": str(uuid4()), "scan_id": site.world.images}
    made: str = post(site.api, "/queues", asked | body)["id"]
    return made


def test_a_queue_is_made_from_a_scan_and_counted_as_it_is_chosen(
    new_context: NewContext, site: Site
) -> None:
    context, watch = new_context()
    watch.expected.append("422")
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"/projects/lab/scans/{site.world.images}?label=3&suggested=5")
    listed = page.locator(".item").count()
    page.get_by_role("link", name="Review these").click()
    expect(page.get_by_label("given class")).to_have_value("3")
    expect(page.locator("#preview")).to_contain_text(f"{listed} item")
    page.evaluate("window.same_page = true")

    page.get_by_label("how many", exact=True).fill("25")
    expect(page.locator("#policy-top_k")).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("25 items")
    page.get_by_label("People who decide each item").fill("2")
    expect(page.locator("#preview")).to_contain_text("50 decisions")
    page.get_by_label("People who decide each item").fill("none")
    expect(page.locator("#problem-overlap")).to_contain_text("from 1 to 20")
    expect(page.get_by_label("People who decide each item")).to_have_attribute(
        "aria-invalid", "true"
    )
    page.get_by_label("People who decide each item").fill("2")
    expect(page.locator("#problem-overlap")).to_be_empty()
    assert page.evaluate("window.same_page") is True

    page.get_by_label("Name").fill("the 25 worst")
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("the 25 worst")
    expect(page.get_by_text("0 of 25 settled")).to_be_visible()
    made = get(site.api, f"/queues/{page.url.rpartition('/')[2]}")
    assert made["policy"] == {"kind": "top_k", "k": 25}
    assert made["overlap"] == 2


def test_whoever_joins_decides_within_a_minute_without_a_mouse(page: Page, site: Site) -> None:
    queue = make_queue(site, name="for newcomers")
    page.goto(invitation(site))
    began = time.monotonic()
    for typed in ("Ada Lovelace", f"ada.{uuid4().hex[:6]}@example.com", PASSWORD):
        page.keyboard.type(typed, delay=20)
        page.keyboard.press("Tab" if typed != PASSWORD else "Enter")
    page.wait_for_url(f"**{QUEUES}")
    expect(page.get_by_role("link", name="Review: for newcomers")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{QUEUES}/{queue}/review")
    expect(page.locator("#place > article")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.locator("#today")).to_have_text("1")
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.startsWith('cleantrace/review/'))"
    )
    assert time.monotonic() - began < 60
    page.goto(QUEUES)
    expect(page.locator(f"#queue-{queue}")).to_contain_text("1 of 100 settled")


def invitation(site: Site) -> str:
    """The path of a link that lets a reviewer in."""
    from app.access.invitations import invite_as_operator
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        return invite_as_operator(
            db, ensure_project(db, "lab"), role=Role.reviewer, email=None, days=1
        ).path


@dataclass
class Day:
    """Two queues in the middle of a day's work."""

    single: str
    double: str
    grace: Member


@pytest.fixture(scope="module")
def day(site: Site) -> Day:
    ada, bob = Member(site.api, "Ada Lovelace"), Member(site.api, "Bob Martin")
    grace = Member(site.api, "Grace Hopper", "engineer")
    single = make_queue(site, name="digits that look wrong")
    double = make_queue(
        site, name="twice, to be sure", policy={"kind": "top_k", "k": 40}, overlap=2
    )
    ada.work(single, 31, contrary=7, seconds=2.6)
    bob.work(single, 22, contrary=4, seconds=4.1)
    item = bob.next(single)
    bob.decide(single, item, "unusable", comment="Cut off at the top.", seconds=9.0)
    bob.decide(single, bob.next(single), "skip")
    grace.work(single, 3)
    ada.work(double, 14, contrary=5)
    bob.work(double, 14, contrary=4)
    make_queue(site, name="all 9s", policy={"kind": "class", "given": "9"})
    over = make_queue(site, name="a first try", policy={"kind": "top_k", "k": 3})
    ada.work(over, 3)
    return Day(single, double, grace)


def test_the_leads_page_follows_the_work_without_a_reload(
    signed_in: Page, site: Site, day: Day
) -> None:
    page = signed_in
    queue = make_queue(site, name="followed", policy={"kind": "top_k", "k": 5})
    page.goto(f"{QUEUES}/{queue}")
    page.evaluate("window.same_page = true")
    expect(page.get_by_text("Nothing is decided yet")).to_be_visible()
    expect(page.get_by_text("follows by itself")).to_be_visible()
    item = day.grace.next(queue)
    day.grace.decide(queue, item, "relabel", label="0" if item["given_label"] != "0" else "1")
    expect(page.get_by_text("1 of 5 settled")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("Grace Hopper"))
    expect(row).to_contain_text("100")
    row.get_by_role("link").focus()
    day.grace.decide(queue, day.grace.next(queue), "right")
    expect(page.get_by_text("2 of 5 settled")).to_be_visible()
    expect(page.locator(".log-lines > li")).to_have_count(2)
    assert page.evaluate("window.same_page") is True


def test_the_leads_page_follows_again_after_the_service_was_unwell(
    new_context: NewContext, site: Site, day: Day
) -> None:
    context, watch = new_context()
    watch.expected.append("503")
    page = context.new_page()
    sign_in(page, site)
    queue = make_queue(site, name="followed again", policy={"kind": "top_k", "k": 5})
    # As a proxy answers while the service starts anew: a browser does not ask again by itself.
    page.route("**/progress/events", lambda route: route.fulfill(status=503))
    page.goto(f"{QUEUES}/{queue}")
    expect(page.get_by_text("not up to date: connecting again")).to_be_visible()
    page.unroute("**/progress/events")
    day.grace.decide(queue, day.grace.next(queue), "right")
    expect(page.get_by_text("1 of 5 settled")).to_be_visible(timeout=20_000)


def test_a_cell_of_the_confusion_leads_to_its_items(signed_in: Page, site: Site, day: Day) -> None:
    page = signed_in
    page.goto(f"{QUEUES}/{day.single}")
    confusion = page.get_by_role("region", name="Given label against verdict")
    cell = confusion.locator("td:not(.same) a").first
    told = re.fullmatch(
        r"(\d+) examples? given (\d), found to be (\d)", cell.get_attribute("aria-label") or ""
    )
    assert told is not None
    cell.click()
    expect(page.locator(".item")).to_have_count(int(told[1]))
    card = page.locator(".item").first
    expect(card.locator("del")).to_have_text(told[2])
    expect(card.locator("ins")).to_have_text(told[3])
    expect(card).to_contain_text("relabelled")
    page.get_by_role("link", name=f"found to be {told[3]} , remove this filter").click()
    assert "verdict=" not in page.url


def test_a_lead_goes_through_the_queues_pages_by_keyboard(
    signed_in: Page, site: Site, day: Day
) -> None:
    page = signed_in
    page.goto(f"{QUEUES}/{day.double}")
    agreement = page.get_by_role("region", name="How far people agree")
    expect(agreement).to_contain_text("Krippendorff")
    expect(agreement.get_by_role("row", name=re.compile("Ada Lovelace"))).to_have_count(1)
    expect(page.get_by_role("link", name="Adjudicate")).to_be_visible()
    tabs = page.get_by_role("navigation", name="Pages of the queue")
    tabs.get_by_role("link", name="log").press("Enter")
    page.get_by_label("Who").select_option("Bob Martin")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.locator(".log-lines > li")).to_have_count(14)
    tabs.get_by_role("link", name="settings").press("Enter")
    page.get_by_role("button", name="Close the queue").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("closed")
    page.get_by_role("button", name="Open the queue again").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("open again")


def test_a_group_is_decided_at_once_and_undone_by_keyboard(
    signed_in: Page, site: Site, day: Day
) -> None:
    page = signed_in
    queue = make_queue(site, name="bulk", policy={"kind": "filter", "flagged": True})
    page.goto(f"{QUEUES}/{queue}/items?given=9")
    listed = page.locator(".item").count()
    page.get_by_role("link", name="Decide these at once").press("Enter")
    expect(page.get_by_label("Given label", exact=True)).to_have_value("9")
    page.get_by_text("relabel each as suggested").click()
    page.get_by_role("button", name="See what it would do").press("Enter")
    preview = page.get_by_role("region", name="What it would do")
    expect(preview.get_by_role("heading")).to_contain_text("would be decided")
    expect(preview.locator(".item")).to_have_count(min(listed, 12))
    button = preview.get_by_role("button", name=re.compile("^Relabel as suggested"))
    button.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("items are decided")
    assert get(site.api, f"/queues/{queue}")["done"] > 0
    page.get_by_role("button", name=re.compile("^Undo")).press("Enter")
    expect(page.get_by_role("status")).to_contain_text("undone")
    assert get(site.api, f"/queues/{queue}")["done"] == 0


def test_looks(signed_in: Page, site: Site, day: Day) -> None:
    """Every page at every width, in structure, and drawn."""
    pages = {
        "queues": QUEUES,
        "project": "/projects/lab",
        "queue": f"{QUEUES}/{day.single}",
        "queue-twice": f"{QUEUES}/{day.double}",
        "queue-items": f"{QUEUES}/{day.single}/items?which=wrong",
        "queue-log": f"{QUEUES}/{day.single}/log",
        "queue-settings": f"{QUEUES}/{day.single}/settings",
        "queue-bulk": f"{QUEUES}/{day.single}/bulk?given=9&suggested=4",
        "queue-imports": f"{QUEUES}/{day.single}/imports",
        "new-queue": f"{QUEUES}/new?scan={site.world.images}&given=4&suggested=9",
        "new-queue-scans": f"{QUEUES}/new",
        "new-queue-regression": f"{QUEUES}/new?scan={site.world.table}",
    }
    for name, path in pages.items():
        signed_in.goto(path)
        expect(signed_in.locator("[data-fill], [aria-busy=true]")).to_have_count(0)
        looks.look(signed_in, name, keep=name in _KEPT)
