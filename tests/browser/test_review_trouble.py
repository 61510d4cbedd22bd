"""The review page when the network, the session or other reviewers get in the way."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import NewContext, Site
from tests.browser.review_desk import Desk, Sit, make_queue, sign_in_as, sitting
from tests.support import get, make_person, post


@pytest.fixture
def sit(new_context: NewContext, site: Site) -> Sit:
    return sitting(new_context, site)


def test_what_never_left_is_taken_back_without_a_trace(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("ERR_FAILED")
    desk.open()
    desk.press_and_see_the_next("a")
    desk.saved(1)
    desk.context.route("**/verdicts", lambda route: route.abort())
    first = desk.press_and_see_the_next("a")  # is tried, and may have arrived
    second = desk.press_and_see_the_next("u")  # waits behind it
    desk.press("Backspace")
    expect(desk.item).to_have_attribute("data-name", second)
    desk.context.unroute("**/verdicts")
    desk.press_and_see_the_next("n")
    verdicts = desk.saved(3)
    assert [(v["key"], v["kind"]) for v in verdicts[1:]] == [(first, "right"), (second, "unsure")]


def test_nothing_left_says_who_holds_what(sit: Sit, site: Site) -> None:
    grace = sit(make_queue(site, policy={"kind": "top_k", "k": 2}), name="Grace Hopper")
    grace.open()
    held = grace.name()
    ada = sit(grace.queue)
    ada.open()
    table = ada.page.get_by_role("table", name="Who holds what until when")
    expect(table.get_by_role("row").nth(1)).to_contain_text("Grace Hopper")
    expect(table).to_contain_text(held)
    grace.page.goto("about:blank")  # leaving gives them back, and the page looks by itself
    expect(ada.item).to_have_attribute("data-name", held, timeout=40_000)


def test_two_reviewers_never_see_the_same_item(sit: Sit, site: Site) -> None:
    queue = make_queue(site, policy={"kind": "top_k", "k": 30})
    desks = [sit(queue), sit(queue, name="Grace")]
    seen: list[list[str]] = [[], []]
    for desk in desks:
        desk.open()
    for _ in range(8):
        for desk, names in zip(desks, seen, strict=True):
            names.append(desk.press_and_see_the_next("a"))
    assert not set(seen[0]) & set(seen[1])
    assert [v["key"] for v in desks[0].saved(8)] == seen[0]
    assert [v["key"] for v in desks[1].saved(8)] == seen[1]


def test_a_cut_in_the_middle_of_a_decision_is_mended_and_recorded_once(
    sit: Sit, site: Site
) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("ERR_FAILED")
    desk.open()
    desk.name()
    arrived: list[str] = []
    mended: list[bool] = []

    def cut(route: Route) -> None:
        if mended:
            route.continue_()
            return
        if not arrived:
            # The service takes the verdict; its answer never comes.
            route.fetch()
            arrived.append(route.request.post_data or "")
        route.abort()

    desk.context.route("**/verdicts", cut)
    first = desk.press_and_see_the_next("a")
    expect(desk.page.locator("#unsaved")).to_have_text("not saved yet: 1")
    expect(desk.page.locator("#notice")).to_contain_text("cannot be reached. You can go on.")
    second = desk.press_and_see_the_next("x")
    expect(desk.page.locator("#unsaved")).to_have_text("not saved yet: 2")
    mended.append(True)
    verdicts = desk.saved(2)
    assert [v["key"] for v in verdicts] == [first, second]
    assert verdicts[0]["token"] in arrived[0]
    expect(desk.page.locator("#notice")).to_be_hidden()


def test_nothing_is_lost_by_a_reload_while_the_network_is_cut(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("ERR_FAILED")
    desk.open()
    desk.name()
    desk.context.route("**/verdicts", lambda route: route.abort())
    made = [desk.press_and_see_the_next(key) for key in ("a", "u", "n")]
    current = desk.name()
    desk.page.reload()
    expect(desk.item).to_have_attribute("data-name", current)
    expect(desk.page.locator("#unsaved")).to_have_text("not saved yet: 3")
    expect(desk.page.locator("#today")).to_have_text("3")
    desk.context.unroute("**/verdicts")
    verdicts = desk.saved(3)
    assert [v["key"] for v in verdicts] == made
    assert [v["kind"] for v in verdicts] == ["right", "unusable", "unsure"]


def test_when_all_ahead_is_done_the_page_waits_for_the_network_and_goes_on(
    sit: Sit, site: Site
) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("ERR_FAILED")
    desk.open()
    desk.name()
    desk.page.wait_for_load_state("networkidle")
    desk.context.route("**/api/**", lambda route: route.abort())
    for _ in range(5):
        desk.press("a")
    expect(desk.page.get_by_text("as soon as the service can be reached")).to_be_visible()
    expect(desk.page.locator("#unsaved")).to_have_text("not saved yet: 5")
    desk.context.unroute("**/api/**")
    expect(desk.item).to_have_count(1, timeout=20_000)
    assert len({v["key"] for v in desk.saved(5)}) == 5


def test_a_session_that_ends_loses_nothing(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected += ["401", "403"]
    desk.open()
    desk.name()
    desk.page.wait_for_load_state("networkidle")
    desk.context.clear_cookies()
    first = desk.press_and_see_the_next("a")
    expect(desk.page.locator("#notice")).to_contain_text("You are signed out.")
    second = desk.press_and_see_the_next("u")
    expect(desk.page.locator("#unsaved")).to_have_text("not saved yet: 2")
    with desk.context.expect_page() as opened:
        desk.page.get_by_role("link", name="Sign in in another tab").click()
    opened.value.close()
    sign_in_as(desk.context, site, desk.person)  # as that tab would have
    assert [v["key"] for v in desk.saved(2)] == [first, second]
    expect(desk.page.locator("#notice")).to_be_hidden()


def test_nothing_is_sent_in_the_name_of_somebody_else(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected += ["401", "403"]
    desk.open()
    desk.name()
    desk.page.wait_for_load_state("networkidle")
    other = make_person("lab", name="Mallory", email=f"{uuid4()}@example.com")
    sign_in_as(desk.context, site, other)
    desk.press_and_see_the_next("a")
    expect(desk.page.locator("#notice")).to_contain_text("Somebody else is signed in")
    answer = get(site.api, f"/queues/{desk.queue}/verdicts", principal_id=str(other))
    assert answer["items"] == []
    sign_in_as(desk.context, site, desk.person)
    desk.saved(1)


def test_an_item_that_others_decided_meanwhile_is_said_quietly(sit: Sit, site: Site) -> None:
    from tests.app.reviews.world import let_claims_expire

    desk = sit(make_queue(site))
    desk.watch.expected.append("409")
    desk.open()
    name = desk.name()
    position = desk.item.get_attribute("data-position")
    desk.page.wait_for_load_state("networkidle")
    # As of a machine that slept: the page does not ask for its claims again before it decides.
    desk.watch.expected.append("ERR_FAILED")
    for asked in ("**/next?*", "**/claims/renew"):
        desk.context.route(asked, lambda route: route.abort())
    let_claims_expire(desk.person)
    body = {"kind": "right", "token": str(uuid4())}
    post(site.api, f"/queues/{desk.queue}/next", status=200)
    post(site.api, f"/queues/{desk.queue}/items/{position}/verdicts", body)
    desk.press("u")
    expect(desk.said).to_contain_text(f"Others had decided {name} meanwhile")
    desk.context.unroute("**/next?*")
    desk.context.unroute("**/claims/renew")
    desk.name()
    (verdict,) = desk.saved(1)
    assert verdict["counted"] is False
    expect(desk.page.locator("#today")).to_have_text("0")


def test_the_next_item_shows_without_any_request(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("ERR_FAILED")
    desk.open()
    desk.name()
    desk.page.wait_for_load_state("networkidle")
    desk.context.route("**", lambda route: route.abort())
    desk.press_and_see_the_next("a")
    expect(desk.item.locator("img").first).to_have_js_property("naturalWidth", 8)
    desk.context.unroute("**")
    desk.saved(1)


def test_a_disagreement_is_settled_by_an_adjudicator(sit: Sit, site: Site) -> None:
    queue = make_queue(site, policy={"kind": "top_k", "k": 1}, overlap=2)
    ada, grace = sit(queue), sit(queue, name="Grace")
    for desk, key in ((ada, "a"), (grace, "u")):
        desk.open()
        desk.name()
        expect(desk.item.get_by_text("What was decided")).to_have_count(0)
        desk.press(key)
        desk.saved(1)
    engineer = sit(queue, name="Kay", role="engineer")
    engineer.open("review?adjudicate=true")
    engineer.name()
    expect(engineer.item).to_contain_text("Ada: the label")
    expect(engineer.item).to_contain_text("Grace: not usable")
    expect(engineer.item.locator("[data-do=skip]")).to_be_hidden()
    engineer.press("u")
    expect(engineer.page.get_by_role("heading", name="Nothing is left")).to_be_visible()
    (verdict,) = engineer.saved(1)
    assert (verdict["adjudicates"], verdict["item_state"]) == (True, "done")


def test_a_reload_gives_nothing_back_and_shows_the_same_item(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    desk.press_and_see_the_next("a")
    desk.saved(1)
    current = desk.name()
    desk.page.wait_for_load_state("networkidle")
    before = _claims(desk)
    for _ in range(3):
        desk.page.reload()
        assert desk.name() == current
    desk.page.wait_for_load_state("networkidle")
    assert _claims(desk) == before


def test_what_was_just_decided_is_saved_though_the_page_is_left(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.open()
    desk.page.wait_for_load_state("networkidle")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    desk.context.route("**/verdicts", hold_the_first)
    name = desk.press_and_see_the_next("a")
    desk.page.goto("/projects/lab/queues")
    history = f"/queues/{desk.queue}/verdicts"
    deadline = time.monotonic() + 20
    while not (found := get(site.api, history, principal_id=str(desk.person))["items"]):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    assert [verdict["key"] for verdict in found] == [name]
    desk.context.unroute("**/verdicts")
    desk.open()
    assert desk.name() != name
    desk.saved(1)


def _claims(desk: Desk) -> list[tuple[object, ...]]:
    """What the person holds, and since when."""
    from tests.app.reviews.world import sql

    found: list[tuple[object, ...]] = sql(
        "SELECT position, claimed_at FROM review_claims WHERE principal_id = :me ORDER BY position",
        me=desk.person,
    )
    return found


def test_claims_are_renewed_while_the_page_is_in_sight(sit: Sit, site: Site) -> None:
    from tests.app.reviews.world import sql

    desk = sit(make_queue(site, claim_ttl_s=10))
    desk.open()
    desk.name()
    desk.page.wait_for_load_state("networkidle")
    held = _claims(desk)
    with desk.page.expect_response("**/claims/renew", timeout=15_000) as answer:
        pass
    assert len(answer.value.json()) == len(held)
    (left,) = sql(
        "SELECT min(extract(epoch FROM expires_at - now())) FROM review_claims"
        " WHERE principal_id = :me",
        me=desk.person,
    )
    assert left[0] > 9


def test_what_the_service_refuses_is_said_and_is_to_do_again(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("403")
    desk.open()
    first = desk.name()
    desk.page.wait_for_load_state("networkidle")
    grace = make_person("lab", name="Grace", email=f"{uuid4()}@example.com")
    people = f"/api/v1/projects/lab/queues/{desk.queue}/people"
    assert site.api.put(people, json={"reviewers": [str(grace)]}).status_code == 200
    desk.press("a")
    notice = desk.page.locator("#notice")
    expect(notice).to_contain_text(f"The decision on {first} was not taken")
    expect(notice).to_contain_text("is assigned to others")
    expect(desk.page.locator("#today")).to_have_text("0")
    assert desk.saved(0) == []


def test_a_skip_that_is_refused_leaves_the_count_as_it_is(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("403")
    desk.open()
    desk.press_and_see_the_next("a")
    desk.saved(1)
    desk.page.wait_for_load_state("networkidle")
    grace = make_person("lab", name="Grace", email=f"{uuid4()}@example.com")
    people = f"/api/v1/projects/lab/queues/{desk.queue}/people"
    assert site.api.put(people, json={"reviewers": [str(grace)]}).status_code == 200
    desk.press(" ")
    expect(desk.page.locator("#notice")).to_contain_text("was not taken")
    expect(desk.page.locator("#today")).to_have_text("1")


def test_undo_takes_back_what_it_says_and_not_what_was_done_at_another_page(
    sit: Sit, site: Site
) -> None:
    queue = make_queue(site, policy={"kind": "top_k", "k": 20}, overlap=2)
    for desk, key in ((sit(queue), "a"), (sit(queue, name="Grace"), "u")):
        desk.open()
        desk.press_and_see_the_next(key)
        desk.saved(1)
    kay = sit(queue, name="Kay", role="engineer")
    kay.open()
    reviewed = kay.press_and_see_the_next("a")
    kay.saved(1)
    kay.open("review?adjudicate=true")
    settled = kay.name()
    kay.press("u")
    kay.saved(2)
    kay.open()
    kay.name()
    kay.press("Backspace")
    expect(kay.said).to_contain_text(f"Taken back: {reviewed}")
    verdicts = kay.saved(3)
    assert [(v["key"], v["is_undone"]) for v in verdicts[:2]] == [
        (reviewed, True),
        (settled, False),
    ]
    expect(kay.item).to_have_attribute("data-name", reviewed)


def test_what_another_tab_sent_meanwhile_is_taken_back_with_a_trace(sit: Sit, site: Site) -> None:
    desk = sit(make_queue(site))
    desk.watch.expected.append("ERR_FAILED")
    desk.open()
    desk.name()
    desk.page.route("**/verdicts", lambda route: route.abort())
    desk.press_and_see_the_next("a")
    second = desk.press_and_see_the_next("u")  # waits behind it in this tab
    other = desk.context.new_page()
    with other.expect_response(lambda answer: '"unusable"' in (answer.request.post_data or "")):
        other.goto(desk.page.url)
    desk.press("Backspace")
    desk.page.unroute("**/verdicts")
    verdicts = desk.saved(3)
    assert (verdicts[1]["key"], verdicts[1]["is_undone"]) == (second, True)
