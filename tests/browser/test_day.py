"""A whole day of a labelling team in Chromium, from the invitation to signing out."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.app.reviews.world import sql
from tests.browser.conftest import NewContext, Site
from tests.support import get, make_person

PASSWORD = "bridge lantern otter"
GRACE = "grace@example.com"


def test_a_day_from_the_invitation_to_signing_out(new_context: NewContext, site: Site) -> None:
    make_person("lab", "admin", name="Grace", email=GRACE, password=PASSWORD)
    grace = _new_page(new_context)
    grace.goto("/sign-in")
    _type(grace, "E-mail address", GRACE)
    _type(grace, "Password", PASSWORD)
    grace.keyboard.press("Enter")
    grace.wait_for_url("**/projects/lab")
    ada, bob = (_joined(grace, _new_page(new_context), name) for name in ("Ada", "Bob"))

    # The lead makes a queue of which each item is to be decided by two.
    grace.goto(f"/projects/lab/queues/new?scan={site.world.images}")
    grace.get_by_label("Name").fill("today")
    grace.get_by_label("how many", exact=True).fill("40")
    grace.get_by_label("People who decide each item").fill("2")
    grace.get_by_role("button", name="Make the queue").press("Enter")
    expect(grace.get_by_role("heading", level=1)).to_have_text("today")
    queue = grace.url.rpartition("/")[2]

    # Ada decides, thinks better of it, and decides again, all by keys.
    first = _claim(ada, queue)
    given = ada.locator("#place > article").get_attribute("data-given")
    _decide(ada, "u")
    second = _name(ada)
    ada.keyboard.press("Backspace")
    expect(_item(ada)).to_have_attribute("data-name", first)
    _decide(ada, "a")
    expect(_item(ada)).to_have_attribute("data-name", second)
    _decide(ada, "x")
    _everything_saved(ada)

    # Bob disagrees on the first and agrees on the second.
    assert _claim(bob, queue) == first
    _decide(bob, "u")
    assert _name(bob) == second
    relabelled = _item(bob).locator("[data-do=accept]").get_attribute("data-label")
    _decide(bob, "x")
    _everything_saved(bob)

    # The lead's page has it without a reload; the lead settles it.
    grace.get_by_role("link", name="Adjudicate").press("Enter")
    expect(_item(grace)).to_have_attribute("data-name", first)
    expect(_item(grace)).to_contain_text("Ada: the label")
    expect(_item(grace)).to_contain_text("Bob: not usable")
    grace.keyboard.press("a")
    expect(grace.get_by_role("heading", name="Nothing is left")).to_be_visible()
    _everything_saved(grace)

    # A class that is systematically wrong is decided as one, but for what the two have in hand.
    for page in (ada, bob):
        page.goto("/projects/lab/queues")  # leaving gives items back, after a moment
    left = get(site.api, f"/queues/{queue}/items", state="open")["items"]
    wrong = max((item["given_label"] for item in left), key=[i["given_label"] for i in left].count)
    grace.goto(f"/projects/lab/queues/{queue}/bulk?given={wrong}")
    grace.get_by_text("relabel each as suggested").click()
    grace.get_by_role("button", name="See what it would do").press("Enter")
    grace.get_by_role("button", name=re.compile("^Relabel as suggested")).press("Enter")
    expect(grace.get_by_role("status")).to_contain_text("decided")

    # Evening.
    for page in (ada, bob, grace):
        page.get_by_role("button", name="sign out").press("Enter")
        page.wait_for_url("**/sign-in*")
        page.goto(f"/projects/lab/queues/{queue}")
        expect(page).to_have_url(re.compile("/sign-in"))

    settled = {
        item["key"]: tuple(item["outcome"][name] for name in ("settled_by", "kind", "label"))
        for item in get(site.api, f"/queues/{queue}/items", state="done", limit=100)["items"]
    }
    assert settled[first] == ("adjudication", "right", given)
    assert settled[second] == ("consensus", "relabel", relabelled)
    assert {by for by, _, _ in settled.values()} == {"adjudication", "consensus", "batch"}
    log = {action for (action,) in sql("SELECT action FROM audit_entries")}
    assert {"invite", "join", "create_queue", "decide_batch"} <= log


def _new_page(new_context: NewContext) -> Page:
    context, _ = new_context()
    return context.new_page()


def _type(page: Page, label: str, text: str) -> None:
    page.get_by_label(label).focus()
    page.keyboard.type(text)


def _joined(grace: Page, page: Page, name: str) -> Page:
    """Whoever got a reviewer's invitation from the page of people, on the page of queues."""
    grace.goto("/projects/lab/people")
    grace.get_by_role("button", name="Make the link").press("Enter")
    page.goto(grace.get_by_label("Invitation as reviewer").input_value())
    expect(page.get_by_label("Your name")).to_be_focused()
    for typed in (name, f"{name}@example.com", PASSWORD):
        page.keyboard.type(typed)
        page.keyboard.press("Tab" if typed != PASSWORD else "Enter")
    page.wait_for_url("**/projects/lab/queues")
    return page


def _claim(page: Page, queue: str) -> str:
    """The name of the item that the page of the queue gives out."""
    page.goto("/projects/lab/queues")
    page.locator(f"#review-{queue}").press("Enter")
    page.wait_for_url(f"**/queues/{queue}/review")
    return _name(page)


def _item(page: Page) -> Locator:
    return page.locator("#place > article")


def _name(page: Page) -> str:
    expect(_item(page)).to_have_count(1)
    return str(_item(page).get_attribute("data-name"))


def _decide(page: Page, key: str) -> None:
    before = _name(page)
    page.keyboard.press(key)
    expect(_item(page)).not_to_have_attribute("data-name", before)


def _everything_saved(page: Page) -> None:
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.startsWith('cleantrace/review/'))"
    )
