"""How the review page looks, and to whom it is open."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import looks
from tests.browser.conftest import NewContext, Site
from tests.browser.review_desk import Desk, Sit, make_queue, sitting


@pytest.fixture
def sit(new_context: NewContext, site: Site) -> Sit:
    return sitting(new_context, site)


def _look(desk: Desk, name: str, *, keep: bool = True) -> None:
    for width in (320, 390, 800, 1280):
        desk.page.set_viewport_size({"width": width, "height": 800})
        wide = desk.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (name, width, wide)
        looks.check_structure(desk.page, f"{name} {width}")
    looks.draw(desk.page, name, keep=keep)


def _settled(desk: Desk) -> None:
    """The evidence is there too."""
    desk.name()
    expect(desk.page.get_by_text("Looking for the examples")).to_have_count(0)


def test_looks(sit: Sit, site: Site) -> None:
    """Every kind of item at every width, in structure, and drawn."""
    world = site.world
    images = sit(make_queue(site))
    images.open()
    images.press_and_see_the_next("a")
    images.press_and_see_the_next("x")
    _settled(images)
    _look(images, "review")
    images.press("?")
    expect(images.page.get_by_role("dialog")).to_be_visible()
    looks.draw(images.page, "review-keys", keep=False)
    texts = sit(make_queue(site, world.texts))
    texts.open()
    _settled(texts)
    _look(texts, "review-text")
    table = sit(make_queue(site, world.table))
    table.open()
    _settled(table)
    _look(table, "review-row")
    last = sit(make_queue(site, policy={"kind": "top_k", "k": 5}))
    last.open()
    last.press_and_see_the_next(" ")
    other = sit(last.queue, name="Grace Hopper")
    other.open()
    other.name()
    other.press(" ")
    expect(other.page.get_by_role("heading", name="Nothing is left")).to_be_visible()
    _look(other, "review-nothing-left", keep=False)
