"""How the review page looks, and to whom it is open."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import looks
from tests.browser.conftest import NewContext, Site
from tests.browser.review_desk import Desk, Sit, make_queue, sitting


@pytest.fixture
def sit(new_context: NewContext, site: Site) -> Sit:
    return sitting(new_context, site)


def _open(desk: Desk) -> None:
    """With what comes a moment later."""
    desk.open()
    desk.name()
    expect(desk.page.get_by_text("Looking for the examples")).to_have_count(0)


def test_an_image_looks_well(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, name="suspects of the small CNN"))
    _open(desk)
    desk.press_and_see_the_next("a")
    desk.press_and_see_the_next("x")
    _open(desk)
    looks.look(desk.page, "review")
    desk.press("ArrowLeft")
    expect(desk.page.locator("#past")).to_be_visible()
    looks.check_accessibility(desk.page, "looking back")
    desk.press("z")
    expect(desk.item.locator("[data-hero]")).to_have_class(re.compile("zoomed"))
    looks.check_accessibility(desk.page, "enlarged")
    desk.press("/")
    desk.page.keyboard.type("1")
    expect(desk.item.get_by_role("option")).to_have_count(1)
    looks.check_accessibility(desk.page, "finding a class")
    desk.press("Escape", "?")
    expect(desk.page.get_by_role("dialog")).to_be_visible()
    looks.check_accessibility(desk.page, "keys")
    looks.draw(desk.page, "review-keys", keep=False)


def test_a_text_looks_well(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, site.world.texts, name="film reviews"))
    _open(desk)
    desk.press_and_see_the_next("x")
    _open(desk)
    looks.look(desk.page, "review-text")


def test_a_row_looks_well(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, site.world.table, name="diabetes, far off"))
    _open(desk)
    looks.look(desk.page, "review-row")


def test_nothing_left_looks_well(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, policy={"kind": "top_k", "k": 5}, name="the five worst"))
    desk.open()
    desk.press_and_see_the_next(" ")
    other = sit(desk.queue, name="Grace Hopper")
    other.open()
    other.name()
    other.press(" ")
    expect(other.page.get_by_role("heading", name="Nothing is left")).to_be_visible()
    looks.look(other.page, "review-nothing-left")


def test_trouble_looks_well(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("ERR_FAILED")
    desk.open()
    desk.name()
    desk.context.route("**/verdicts", lambda route: route.abort())
    desk.press_and_see_the_next("a")
    expect(desk.page.locator("#notice")).to_be_visible()
    looks.check_structure(desk.page, "trouble")
    looks.check_accessibility(desk.page, "trouble")
    desk.context.unroute("**/verdicts")
    desk.saved(1)


def test_motion_respects_the_users_setting(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site), reduced_motion="reduce")
    desk.open()
    desk.press_and_see_the_next("a")
    assert desk.page.evaluate("document.getAnimations().length") == 0
