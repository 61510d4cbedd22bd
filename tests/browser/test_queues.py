"""Queues in Chromium: made from a scan, found by whoever joins, watched by the lead."""

from __future__ import annotations

from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.conftest import NewContext, Site, sign_in
from tests.support import get, post

QUEUES = "/projects/lab/queues"
PASSWORD = "bridge lantern otter"


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


def test_whoever_joins_is_one_key_from_the_first_item(new_context: NewContext, site: Site) -> None:
    context, watch = new_context()
    watch.expected.append("404")  # the page that the key leads to is tested elsewhere
    page = context.new_page()
    queue = make_queue(site, name="for newcomers")
    link = invitation(site)
    page.goto(link)
    for typed in ("Ada Lovelace", f"{uuid4()}@example.com", PASSWORD):
        page.keyboard.type(typed)
        page.keyboard.press("Tab" if typed != PASSWORD else "Enter")
    page.wait_for_url(f"**{QUEUES}")
    expect(page.get_by_role("link", name="Review: for newcomers")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{QUEUES}/{queue}/review")


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


def test_looks(signed_in: Page, site: Site) -> None:
    """Every page at every width, in structure, and drawn."""
    pages = {
        "queues": QUEUES,
        "new-queue": f"{QUEUES}/new?scan={site.world.images}&given=4&suggested=9",
        "new-queue-scans": f"{QUEUES}/new",
        "new-queue-regression": f"{QUEUES}/new?scan={site.world.table}",
    }
    for name, path in pages.items():
        signed_in.goto(path)
        for width in (320, 390, 800, 1280):
            signed_in.set_viewport_size({"width": width, "height": 800})
            wide = signed_in.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (name, width, wide)
            looks.check_structure(signed_in, f"{name} {width}")
        looks.draw(signed_in, name, keep=name in ("queues", "new-queue"))
