"""People in Chromium: joining, signing in, and what admins see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.conftest import NewContext
from tests.browser.snapshot import empty_tables
from tests.support import make_key, make_person

PASSWORD = "bridge lantern otter"


@dataclass
class Office:
    """A running dashboard whose project `lab` has an admin."""

    url: str


@pytest.fixture(scope="module")
def site(server: str) -> Office:
    """In place of the one with scans: these pages need none."""
    empty_tables()
    make_person("lab", "admin", name="Grace", email="grace@example.com", password=PASSWORD)
    make_person("lab", "engineer", name="Katherine Johnson", email="katherine@example.com")
    make_person("lab", name="<b>" + "x" * 60, email="y" * 50 + "@" + "long." * 20 + "example")
    make_person("other", "viewer", name="Elsewhere")
    make_key("lab", role="viewer")
    return Office(server)


@pytest.fixture
def grace(page: Page) -> Page:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill("grace@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/lab")
    return page


def test_an_invited_person_is_in_by_keyboard_alone(grace: Page, new_context: NewContext) -> None:
    grace.goto("/projects/lab/people")
    grace.get_by_role("button", name="Make the link").click()
    link = grace.get_by_label("Invitation as reviewer")
    link.focus()
    address = link.input_value()
    assert grace.evaluate("getSelection().toString()") in (address, "")

    context, _ = new_context()
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_label("Your name")).to_be_focused()
    for typed in ("Ada Lovelace", "ada@example.com", PASSWORD):
        page.keyboard.type(typed)
        page.keyboard.press("Tab" if typed != PASSWORD else "Enter")
    page.wait_for_url("**/projects/lab/queues")
    expect(page.get_by_role("link", name="Ada Lovelace")).to_be_visible()
    expect(page.get_by_role("link", name="people")).to_have_count(0)

    grace.goto("/projects/lab/people")
    row = grace.get_by_role("row", name=re.compile("Ada Lovelace"))
    row.get_by_label("Role of Ada Lovelace", exact=True).select_option("engineer")
    row.get_by_role("button", name="Change the role").click()
    expect(grace.get_by_role("status")).to_contain_text("role is changed")
    page.goto("/projects/lab/scans/new")
    expect(page).to_have_url(re.compile("/scans/new"))

    row = grace.get_by_role("row", name=re.compile("Ada Lovelace"))
    row.get_by_text("more").click()
    row.get_by_role("button", name="Remove from the project").click()
    expect(grace.get_by_role("row", name=re.compile("Ada Lovelace"))).to_have_count(0)


def test_what_is_wrong_is_told_at_its_field(grace: Page, new_context: NewContext) -> None:
    grace.goto("/projects/lab/people")
    grace.get_by_role("button", name="Make the link").click()
    address = grace.get_by_label("Invitation as reviewer").input_value()
    context, watch = new_context()
    watch.expected.append("422")
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Your name").fill("Mallory")
    page.get_by_label("E-mail address").fill("grace@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).to_contain_text("belongs to another account")
    expect(page.get_by_label("E-mail address")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Your name")).to_have_value("Mallory")


def test_an_admin_makes_a_key_and_finds_it_in_the_log(grace: Page) -> None:
    grace.goto("/projects/lab/keys")
    grace.get_by_label("What it is for").fill("nightly training")
    grace.get_by_label("It may").select_option("only read")
    grace.get_by_role("button", name="Make the key").click()
    expect(grace.get_by_label("The new key")).to_have_value(re.compile("^ct_"))
    grace.get_by_role("link", name="log").click()
    grace.get_by_label("What", exact=True).select_option("create key")
    grace.get_by_role("button", name="Show", exact=True).click()
    expect(grace.get_by_role("row", name=re.compile("nightly training"))).to_be_visible()
    expect(grace).to_have_url(re.compile("/log\\?action=create_key$"))
    grace.get_by_role("link", name="API keys").click()
    grace.get_by_role("button", name="Revoke the key nightly training").click()
    expect(grace.get_by_role("status")).to_contain_text("revoked")


def test_a_person_of_two_projects_goes_between_them(grace: Page) -> None:
    from sqlalchemy import text

    from app.db import transaction

    join = (
        "INSERT INTO memberships SELECT people.id, projects.id, 'viewer', now()"
        " FROM people, projects WHERE email = 'grace@example.com' AND projects.name = 'other'"
    )
    with transaction() as db:
        db.execute(text(join))
    try:
        grace.reload()
        grace.get_by_label("Project lab: go to another").click()
        grace.get_by_role("button", name="other").click()
        grace.wait_for_url("**/projects/other/scans")
        looks.check_structure(grace, "switch")
    finally:
        with transaction() as db:
            db.execute(text("DELETE FROM memberships WHERE role = 'viewer'"))


def test_looks(grace: Page, new_context: NewContext) -> None:
    """Every page at every width, in structure, and drawn."""
    grace.goto("/projects/lab/people")
    grace.get_by_role("button", name="Make the link").click()
    invitation = grace.get_by_label("Invitation as reviewer").input_value()
    grace.goto("/projects/lab/groups")
    grace.get_by_label("Name").fill("night shift")
    grace.keyboard.press("Enter")
    grace.get_by_label(re.compile("Katherine Johnson")).check()
    grace.get_by_role("button", name="Change who is in it").click()
    expect(grace.get_by_role("status")).to_contain_text("is changed")
    pages = {
        "people": "/projects/lab/people",
        "groups": "/projects/lab/groups",
        "group": grace.url,
        "keys": "/projects/lab/keys",
        "log": "/projects/lab/log",
        "log-empty": "/projects/lab/log?action=" + quote("nothing"),
        "account": "/account",
    }
    context, _ = new_context()
    stranger = context.new_page()
    for name, path in pages.items():
        _look(grace, name, path)
    for name, path in {"sign-in": "/sign-in", "invitation": invitation}.items():
        _look(stranger, name, path)


def _look(page: Page, name: str, path: str) -> None:
    page.goto(path)
    looks.look(page, name, keep=name not in {"log-empty", "groups", "group"})
