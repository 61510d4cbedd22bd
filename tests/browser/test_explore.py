"""Looking around in a scan by hand: a lasso, a click, ranges, and what follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser import looks
from tests.browser.conftest import NewContext, Site, sign_in
from tests.browser.team import Member
from tests.support import get, post

_AXES = {"x": "self_influence", "x_scale": "log", "y": "margin"}


def explore(site: Site, scan: str = "") -> str:
    return f"/projects/lab/scans/{scan or site.world.images}/explore"


def wait(page: Page) -> Locator:
    expect(page.locator("#plot[data-ready]")).to_have_count(1)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    return page.locator("#selection-title")


def drag(page: Page, corners: Sequence[tuple[float, float]]) -> None:
    """Round corners that are given as shares of the canvas."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def hover(page: Page, word: str) -> str:
    """Moves across the scatter until what is told of the place under the pointer has the word."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    for step in range(200):
        page.mouse.move(box["x"] + 70 + 2 * step, box["y"] + box["height"] * 0.25)
        told = page.locator("#under").text_content() or ""
        if word in told:
            return told
    raise AssertionError("nothing is there")


def selected(site: Site, url: str, **body: Any) -> list[int]:
    """Positions of what an address selects, as the API says."""
    texts = parse_qs(urlsplit(url).query).get("polygon", [])
    flat = [[float(number) for number in text.split()] for text in texts]
    polygons = [
        [list(corner) for corner in zip(each[::2], each[1::2], strict=True)] for each in flat
    ]
    asked = _AXES | {"polygons": polygons} | body
    path = f"/scans/{site.world.images}/region?limit=1000"
    return [item["position"] for item in post(site.api, path, asked, status=200)["items"]]


def test_a_lasso_selects_is_shared_and_becomes_a_queue(new_context: NewContext, site: Site) -> None:
    context, _ = new_context()
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"/projects/lab/scans/{site.world.images}")
    page.get_by_role("link", name="Look around").click()
    heading = wait(page)
    expect(heading).to_have_text("All 1,000 examples")
    expect(page.locator("#plot-words")).to_contain_text("1,000 examples, a point each")
    page.evaluate("window.same_page = true")

    drag(page, [(0.7, 0.5), (0.98, 0.5), (0.98, 0.85), (0.7, 0.85)])
    page.wait_for_url("**polygon=**")
    wait(page)
    first = selected(site, page.url)
    assert 0 < len(first) < 1000
    expect(heading).to_have_text(f"{len(first)} examples selected")
    expect(page.locator(".item")).to_have_count(min(48, len(first)))
    links = page.locator(".item").evaluate_all("(all) => all.map((e) => e.pathname)")
    assert [int(link.rpartition("/")[2]) for link in links] == first[:48]

    page.keyboard.down("Shift")
    drag(page, [(0.3, 0.1), (0.5, 0.1), (0.5, 0.4), (0.3, 0.4)])
    page.keyboard.up("Shift")
    page.wait_for_url(re.compile(r"polygon=.*polygon="))
    wait(page)
    more = selected(site, page.url)
    assert set(first) < set(more)
    expect(heading).to_have_text(f"{len(more)} examples selected")
    page.get_by_label("flagged only").check()
    page.wait_for_url("**flagged=yes")
    wait(page)
    flagged = selected(site, page.url, flagged=True)
    expect(heading).to_have_text(f"{len(flagged)} examples selected")
    assert page.evaluate("window.same_page") is True

    other = context.new_page()
    other.goto(page.url)
    wait(other)
    expect(other.locator("#selection-title")).to_have_text(f"{len(flagged)} examples selected")
    page.go_back()
    expect(heading).to_have_text(f"{len(more)} examples selected")

    page.get_by_role("link", name="Make a queue of these").click()
    expect(page.locator("#preview")).to_contain_text(f"{len(more)} items")
    page.get_by_label("Name").fill("round these")
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("round these")
    items = get(site.api, f"/queues/{page.url.rpartition('/')[2]}/items", limit=1000)["items"]
    assert [item["position"] for item in items] == more


def test_one_point_by_a_click_and_a_box_by_keyboard(signed_in: Page, site: Site) -> None:
    page = signed_in
    page.goto(explore(site))
    heading = wait(page)
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    hover(page, "given")
    page.mouse.down()
    page.mouse.up()
    expect(heading).to_have_text("1 example selected")
    assert "position=" in page.url
    page.mouse.click(box["x"] + 70, box["y"] + 20)  # beside everything
    expect(heading).to_have_text("All 1,000 examples")

    page.locator("#y_to").focus()
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    below = selected(site, "", y_to=0)
    expect(heading).to_have_text(f"{len(below)} examples selected")
    expect(page.locator("#y_to")).to_be_focused()
    page.get_by_role("link", name="margin to 0 , remove").press("Enter")
    expect(heading).to_have_text("All 1,000 examples")


def test_many_examples_are_a_density_whose_cells_can_be_taken(
    new_context: NewContext, site: Site
) -> None:
    context, _ = new_context()
    page = context.new_page()
    sign_in(page, site)
    # As if twenty were more than can be drawn.
    page.route("**/points?*", lambda route: route.continue_(url=route.request.url + "&most=20"))
    page.goto(explore(site))
    heading = wait(page)
    expect(page.locator("#plot-words")).to_contain_text("The 20 most suspicious are drawn on top")
    told = hover(page, "here").removesuffix(" here")
    page.mouse.down()
    page.mouse.up()
    expect(heading).to_have_text(f"{told} selected")


def test_looks(signed_in: Page, site: Site) -> None:
    queue = post(site.api, "/queues", {"name": "looked at", "scan_id": site.world.images})["id"]
    Member(site.api, "Ada Lovelace").work(queue, 40, contrary=5)
    lasso = "polygon=24+-1.6+40+-1.2+70+-1.9+92+-4+90+-6.7+60+-6+33+-4.5+26+-3"
    outcomes = f"x=self_influence&x_scale=log&y=margin&x_from=25&colour={queue}"
    signed_in.goto(f"{explore(site)}?x=self_influence&x_scale=log&y=margin&{lasso}")
    wait(signed_in)
    looks.look(signed_in, "explore")
    signed_in.goto(f"{explore(site)}?{outcomes}")
    wait(signed_in)
    expect(signed_in.locator("#legend")).to_contain_text("relabelled (32)")
    looks.draw(signed_in, "explore-outcomes", keep=True)
    signed_in.goto(explore(site, site.world.table))
    wait(signed_in)
    expect(signed_in.locator("#plot-words")).to_contain_text("On the dashed line")
    looks.check_structure(signed_in, "explore-regression")


def test_places_on_a_narrow_axis_are_told_apart(signed_in: Page, site: Site) -> None:
    from app.dashboard.assets import asset_url

    signed_in.goto(explore(site))
    wait(signed_in)
    for low, high, is_log in ((1e9, 1e9 + 1, False), (1.0, 1.0001, True), (-3, 3, False)):
        told = signed_in.evaluate(
            """async ([url, low, high, isLog]) => {
                const { Scale } = await import(url);
                const scale = new Scale([low, high], isLog, 0, 1000);
                const off = (_, pixel) => scale.at(scale.value(pixel)) - pixel;
                return Array.from({ length: 1000 }, off);
            }""",
            [asset_url("explore-scale.js"), low, high, is_log],
        )
        assert max(map(abs, told)) < 0.1
