"""The review page in Chromium, as a reviewer works on it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import NewContext, Site
from tests.browser.review_desk import Sit, make_queue, sitting


@pytest.fixture
def sit(new_context: NewContext, site: Site) -> Sit:
    return sitting(new_context, site)


def test_deciding_by_keyboard(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    given = desk.item.get_attribute("data-given")
    first = desk.press_and_see_the_next("a")
    expect(desk.said).to_contain_text(f"{first}: label {given} is right")
    suggested = desk.item.locator("[data-do=accept]").get_attribute("data-label")
    second = desk.press_and_see_the_next("x")
    third = desk.press_and_see_the_next("u")
    fourth = desk.press_and_see_the_next("n")
    chosen = desk.item.locator("[data-do=class3]").get_attribute("data-label")
    fifth = desk.press_and_see_the_next("3")
    expect(desk.page.locator("#today")).to_have_text("5")

    verdicts = desk.saved(5)
    assert [v["key"] for v in verdicts] == [first, second, third, fourth, fifth]
    assert [v["kind"] for v in verdicts] == ["right", "relabel", "unusable", "unsure", "relabel"]
    assert [v["label"] for v in verdicts] == [given, suggested, None, None, chosen]
    assert all(v["seconds"] >= 0 for v in verdicts)


def test_the_given_label_and_the_suggestion_are_shown_in_words(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    item = desk.item
    expect(item.locator(".decide del")).to_contain_text(item.get_attribute("data-given") or "")
    expect(item.locator(".decide ins")).not_to_be_empty()
    expect(item.locator(".decide .share")).to_contain_text("% sure")
    expect(item).to_contain_text(re.compile("Harder to fit than .*% of"))
    shares = item.locator(".class-choice .muted").all_inner_texts()
    figures = [float(each.split()[0]) for each in shares if "%" in each]
    assert figures == sorted(figures, reverse=True)
    evidence = item.get_by_role("region", name="Evidence")
    expect(evidence.get_by_role("heading", name="Opponents")).to_be_visible()
    expect(evidence.locator("img").first).to_have_js_property("naturalWidth", 8)
    expect(evidence.get_by_role("link").first).to_have_attribute("target", "_blank")


def test_undo_step_by_step_and_back_and_forth(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    first = desk.press_and_see_the_next("a")
    second = desk.press_and_see_the_next("u")
    third = desk.name()
    desk.press("ArrowLeft")
    expect(desk.item).to_have_attribute("data-name", second)
    expect(desk.item.locator(".chosen")).to_have_attribute("data-do", "unusable")
    desk.press("ArrowLeft")
    expect(desk.item).to_have_attribute("data-name", first)
    expect(desk.page.locator("#past")).to_contain_text("2 back")
    desk.press("x")  # another verdict on the first: the walk goes on towards the present
    expect(desk.item).to_have_attribute("data-name", second)
    desk.press("ArrowRight")
    expect(desk.item).to_have_attribute("data-name", third)
    kinds = [v["kind"] for v in desk.saved(3)]
    assert kinds == ["right", "unusable", "relabel"]

    desk.press("Backspace")  # the change is taken back, the verdict before it stands again
    expect(desk.item).to_have_attribute("data-name", first)
    expect(desk.item.locator(".chosen")).to_have_attribute("data-do", "right")
    desk.press("Control+z")
    expect(desk.item).to_have_attribute("data-name", second)
    desk.press("Backspace")
    expect(desk.item).to_have_attribute("data-name", first)
    expect(desk.page.locator("#today")).to_have_text("0")
    verdicts = desk.saved(6)
    assert [v["kind"] for v in verdicts[3:]] == ["undo"] * 3
    assert all(v["is_undone"] for v in verdicts[:3])
    desk.press_and_see_the_next("a")
    assert desk.saved(7)[-1]["key"] == first


def test_a_class_is_found_by_typing(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, site.world.texts))
    desk.open()
    given = desk.item.get_attribute("data-given")
    other = {"negative": "positive", "positive": "negative"}[given or ""]
    first = desk.name()
    desk.press("/")
    box = desk.item.get_by_role("combobox")
    expect(box).to_be_focused()
    desk.page.keyboard.type("ative")
    expect(desk.item.get_by_role("option")).to_have_text(["negative"])
    box.fill("tiv")
    expect(desk.item.get_by_role("option")).to_have_count(2)
    desk.press("ArrowDown")
    expect(desk.item.get_by_role("option", selected=True)).to_have_text("positive")
    box.fill(other[:3])
    desk.press("Enter")
    expect(desk.item).not_to_have_attribute("data-name", first)
    (verdict,) = desk.saved(1)
    assert (verdict["key"], verdict["kind"], verdict["label"]) == (first, "relabel", other)


def test_no_key_decides_while_one_types(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    first = desk.name()
    desk.press("f")
    expect(desk.item.get_by_label("Comment")).to_be_focused()
    desk.page.keyboard.type("a x u n 3 ? z: not sure")
    desk.press("Enter")
    expect(desk.item).to_have_attribute("data-name", first)
    desk.page.reload()  # what was typed is not lost, and the item is the same
    expect(desk.item).to_have_attribute("data-name", first)
    expect(desk.item.get_by_label("Comment")).to_have_value("a x u n 3 ? z: not sure")
    desk.press_and_see_the_next("n")
    (verdict,) = desk.saved(1)
    assert verdict["comment"] == "a x u n 3 ? z: not sure"
    desk.press("ArrowLeft", "f")  # a comment can be added later
    desk.item.get_by_label("Comment").fill("now I see")
    desk.press("Enter")
    expect(desk.page.locator("#past")).to_be_hidden()
    verdicts = desk.saved(2)
    assert [(v["kind"], v["comment"]) for v in verdicts[1:]] == [("unsure", "now I see")]


def test_a_key_held_down_decides_once(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    before = desk.name()
    desk.page.keyboard.down("a")
    for _ in range(5):
        desk.page.keyboard.down("a")
    desk.page.keyboard.up("a")
    expect(desk.item).not_to_have_attribute("data-name", before)
    desk.saved(1)


def test_a_number_is_typed_in_a_regression(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, site.world.table))
    desk.open()
    expect(desk.item.locator(".hero dt")).to_have_count(10)
    first = desk.name()
    desk.page.keyboard.type("152.5")
    expect(desk.item.get_by_label("The right number")).to_have_value("152.5")
    desk.press("Enter")
    expect(desk.item).not_to_have_attribute("data-name", first)
    before = desk.name()
    desk.press("-", "x", "Enter")
    expect(desk.item.get_by_role("alert")).to_contain_text("Type a number")
    desk.press("Escape")
    exact = desk.item.locator("[data-do=accept]").get_attribute("data-label") or ""
    assert desk.press_and_see_the_next("x") == before
    verdicts = desk.saved(2)
    assert [v["value"] for v in verdicts] == [152.5, float(exact)]


def test_skipped_items_are_taken_up_again(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, policy={"kind": "top_k", "k": 3}))
    desk.open()
    desk.press_and_see_the_next("a")
    second = desk.press_and_see_the_next(" ")
    desk.press("a")
    expect(desk.page.get_by_text("You skipped 1 item.")).to_be_visible()
    desk.press("Enter")  # the first of what is offered
    expect(desk.item).to_have_attribute("data-name", second)
    desk.press("u")
    expect(desk.page.locator("[data-why]")).to_contain_text("is decided.")
    expect(desk.page.locator("#done")).to_have_text("3")
    assert [v["kind"] for v in desk.saved(5)] == ["right", "skip", "right", "undo", "unusable"]


def test_a_link_shows_an_item_to_decide_and_goes_on_with_the_queue(sit: Sit, site: Site) -> None:
    queue = make_queue(site)
    desk = sit(queue)
    desk.open()
    desk.press_and_see_the_next("a")
    link = desk.item.get_by_role("link", name="link to this item").get_attribute("href")
    name = desk.name()
    assert link is not None
    # It is decided before the page knows what was decided before.
    history: list[Route] = []
    desk.context.route("**/verdicts?limit=60", lambda route: history.append(route))
    desk.page.goto(link)
    expect(desk.item).to_have_attribute("data-ready", "yes")
    assert desk.name() == name
    desk.press("a")
    expect(desk.item).to_have_count(0)
    history[0].continue_()
    desk.context.unroute("**/verdicts?limit=60")
    assert desk.name() != name
    expect(desk.page).to_have_url(re.compile("/review$"))
    assert desk.saved(2)[-1]["key"] == name
    desk.page.goto(link)
    expect(desk.page.locator("#past")).to_contain_text("is right")
    viewer = sit(queue, name="Vera", role="viewer")
    viewer.page.goto(link)
    expect(viewer.item).to_contain_text("Settled by its reviewers")
    expect(viewer.item).to_contain_text("Ada: the label")
    expect(viewer.item.get_by_role("button", name="is right")).to_have_count(0)
    viewer.press("a")
    desk.saved(2)


def test_the_keys_are_shown_changed_and_kept(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    desk.name()
    desk.press("?")
    panel = desk.page.get_by_role("dialog", name="Keys")
    expect(panel.get_by_role("row", name=re.compile("^accept the suggestion x"))).to_be_visible()
    panel.get_by_role("button", name="change the key for the label is right").click()
    desk.press("j")
    expect(panel.get_by_role("row", name=re.compile("^the label is right j"))).to_be_visible()
    panel.get_by_role("button", name="change the key for unsure").press("Enter")
    desk.press("5")
    expect(panel.get_by_role("alert")).to_contain_text("choose another")
    panel.get_by_role("button", name="change the key for unsure").click()
    desk.press("u")  # taken: the two change places
    expect(panel.get_by_role("row", name=re.compile("^not usable n"))).to_be_visible()
    desk.press("Escape")
    expect(panel).to_be_hidden()
    first = desk.name()
    desk.press("a")
    expect(desk.item).to_have_attribute("data-name", first)
    desk.page.reload()
    expect(desk.item.locator("[data-do=right] kbd")).to_have_text("j")
    desk.press_and_see_the_next("j")
    desk.press_and_see_the_next("n")
    assert [v["kind"] for v in desk.saved(2)] == ["right", "unusable"]


def test_all_by_pointer_on_a_phone(sit: Sit, site: Site) -> None:
    desk = sit(
        make_queue(site), viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True
    )
    desk.open()
    first = desk.name()
    desk.item.locator("img").first.tap()
    expect(desk.item.locator("[data-hero]")).to_have_class(re.compile("zoomed"))
    desk.item.get_by_role("button", name="is right").tap()
    expect(desk.item).not_to_have_attribute("data-name", first)
    second = desk.name()
    desk.item.locator("[data-do=class2]").tap()
    expect(desk.item).not_to_have_attribute("data-name", second)
    top = desk.page.evaluate("document.querySelector('#place').getBoundingClientRect().top")
    assert 0 <= top < 640
    desk.saved(2)
    desk.page.get_by_role("button", name="undo").tap()
    expect(desk.item).to_have_attribute("data-name", second)
    assert [v["kind"] for v in desk.saved(3)][-1] == "undo"


def test_all_by_keyboard_alone_from_button_to_button(sit: Sit, site: Site) -> None:
    """For whoever presses buttons rather than single keys."""
    desk = sit(make_queue(site))
    desk.open()
    first = desk.name()
    for _ in range(40):
        desk.press("Tab")
        if desk.page.evaluate("document.activeElement.dataset.do") == "right":
            break
    button = desk.item.locator("[data-do=right]")
    expect(button).to_be_focused()
    expect(button).to_have_css("outline-style", "solid")
    desk.press("Enter")
    expect(desk.item).not_to_have_attribute("data-name", first)
    expect(desk.item.locator("[data-do=right]")).to_be_focused()
    second = desk.name()
    desk.press(" ")  # on a button, space presses it
    expect(desk.item).not_to_have_attribute("data-name", second)
    assert [v["kind"] for v in desk.saved(2)] == ["right", "right"]


def test_markup_in_names_labels_and_keys_is_text(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site, site.world.not_finite, policy={"kind": "filter"}))
    desk.open()
    assert desk.name().startswith("<script>alert(")
    for _ in range(4):
        text = desk.item.locator("[data-do=right]").inner_text()
        assert "<b>bold</b>" in text or "plain & simple" in text
        desk.press_and_see_the_next("x")
        expect(desk.said).to_contain_text("<script>alert(")
    expect(desk.item.locator("b b, script")).to_have_count(0)
    desk.press("/")
    desk.page.keyboard.type("bold")
    expect(desk.item.get_by_role("option")).to_have_text(["<b>bold</b>"])
    grace = sit(desk.queue, name="<img src=x onerror=alert(1)>")
    grace.open()
    grace.name()


def test_zoom_shows_what_was_pressed_and_a_second_press_ends_it(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    first = desk.name()
    hero = desk.item.locator("[data-hero]")
    usual = hero.locator("img").bounding_box()
    desk.press("z")
    expect(desk.item.locator("[data-do=zoom]")).to_have_attribute("aria-pressed", "true")
    large = hero.locator("img").bounding_box()
    frame = hero.bounding_box()
    assert usual
    assert large
    assert frame
    assert large["height"] > 2 * usual["height"]
    middle = large["y"] + large["height"] / 2
    assert abs(middle - frame["y"] - frame["height"] / 2) < 20  # the middle stays in the middle
    desk.press("z")
    desk.page.mouse.click(usual["x"] + usual["width"] / 2, usual["y"] + usual["height"] - 8)
    large = hero.locator("img").bounding_box()
    assert large
    assert abs(large["y"] + large["height"] - frame["y"] - frame["height"]) < 40  # its lower end
    desk.press_and_see_the_next("a")
    desk.press("ArrowLeft")
    expect(desk.item).to_have_attribute("data-name", first)
