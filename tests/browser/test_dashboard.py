"""A walk through the dashboard, as people take it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.conftest import NewContext, Site, sign_in
from tests.support import get, post

SCANS = "/projects/lab/scans"


def test_signing_in_looking_around_and_signing_out(page: Page, site: Site) -> None:
    scan = f"{SCANS}/{site.world.images}"
    page.goto(scan)
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.get_by_label("API key").fill(site.key)
    page.keyboard.press("Enter")
    expect(page).to_have_url(site.url + scan)
    expect(page.get_by_role("heading", level=1)).to_have_text("Self-influence of digits v3")

    page.get_by_role("navigation", name="Project lab").get_by_role("link", name="scans").click()
    expect(page.get_by_role("row")).to_have_count(8)
    page.locator(f"#open-{site.world.images}").click()
    expect(page.get_by_text("of 1,000: the most suspicious 10 %")).to_be_visible()

    page.get_by_role("button", name="sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto(scan)
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_wrong_key_is_told_where_it_was_entered(new_context: NewContext) -> None:
    context, watch = new_context()
    watch.expected.append("401")
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("API key").fill("ct_wrong")
    page.get_by_role("button", name="Use the key").click()
    expect(page.get_by_role("alert")).to_contain_text("unknown, expired or revoked")
    expect(page.get_by_label("API key")).to_have_attribute("aria-invalid", "true")


def test_pictures_are_shown_pixel_by_pixel_with_both_labels(signed_in: Page, site: Site) -> None:
    signed_in.goto(f"{SCANS}/{site.world.images}")
    pictures = signed_in.locator(".item img")
    expect(pictures).to_have_count(48)
    first = pictures.first
    expect(first).to_have_class("pixelated")
    first.scroll_into_view_if_needed()
    expect(first).to_have_js_property("naturalWidth", 8)
    card = signed_in.locator(".item").first
    expect(card.locator("del")).to_have_css("text-decoration-line", "line-through")
    expect(card).to_contain_text("Harder to fit than")


def test_a_cell_of_the_heat_map_filters_and_chips_take_the_filter_away(
    signed_in: Page, site: Site
) -> None:
    summary = get(site.api, f"/scans/{site.world.images}")["summary"]
    pair = max(summary["pairs"], key=lambda item: item["count"])
    signed_in.goto(f"{SCANS}/{site.world.images}")
    name = f"{pair['count']} examples given {pair['given']}, suggested {pair['suggested']}"
    signed_in.get_by_role("link", name=name, exact=True).click()
    expect(signed_in.locator(".item")).to_have_count(pair["count"])
    assert f"label={pair['given']}" in signed_in.url
    for card in signed_in.locator(".item .lab").all():
        assert card.locator("del").inner_text() == pair["given"]
        assert card.locator("ins").inner_text() == pair["suggested"]
    signed_in.get_by_role(
        "link", name=f"suggested {pair['suggested']} , remove this filter"
    ).click()
    assert "suggested" not in signed_in.url
    signed_in.get_by_role("link", name="Reset filters").click()
    expect(signed_in).to_have_url(f"{site.url}{SCANS}/{site.world.images}#examples")
    expect(signed_in.locator(".item")).to_have_count(48)


def test_choices_of_the_form_stand_in_the_address_and_empty_ones_do_not(
    signed_in: Page, site: Site
) -> None:
    signed_in.goto(f"{SCANS}/{site.world.images}")
    signed_in.get_by_role("link", name="all 1,000").click()
    signed_in.get_by_label("given label").select_option("3")
    signed_in.get_by_label("order by").select_option("loss")
    signed_in.get_by_role("button", name="Apply").click()
    expect(signed_in).to_have_url(re.compile(r"\?which=all&label=3&order=loss#examples$"))
    figures = signed_in.locator(".item .meta span:last-child").all_inner_texts()
    losses = [float(figure.replace("\N{MINUS SIGN}", "-")) for figure in figures]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == 48


def test_paging_reaches_every_flagged_example_once(signed_in: Page, site: Site) -> None:
    signed_in.goto(f"{SCANS}/{site.world.images}")
    seen: list[str] = []
    while True:
        seen += signed_in.locator(".item .meta span:first-child").all_inner_texts()
        following = signed_in.get_by_role("link", name="Next page")
        if not following.count():
            break
        following.click()
        signed_in.wait_for_load_state()
    assert len(seen) == len(set(seen)) == 100
    signed_in.get_by_role("link", name="First page").click()
    expect(signed_in.locator(".item")).to_have_count(48)


def test_arrow_keys_walk_the_ranking_and_escape_leads_back(signed_in: Page, site: Site) -> None:
    listed = f"{SCANS}/{site.world.images}?label=3"
    signed_in.goto(listed)
    keys = signed_in.locator(".item .meta span:first-child").all_inner_texts()[:3]
    signed_in.locator(".item").first.click()
    key = signed_in.locator(".stage .mono")
    expect(key).to_have_text(keys[0])
    signed_in.keyboard.press("ArrowRight")
    expect(key).to_have_text(keys[1])
    signed_in.keyboard.press("ArrowRight")
    expect(key).to_have_text(keys[2])
    signed_in.keyboard.press("ArrowLeft")
    expect(key).to_have_text(keys[1])
    signed_in.keyboard.press("z")
    expect(signed_in.locator("#hero")).to_have_class(re.compile("zoomed"))
    signed_in.keyboard.press("Escape")
    expect(signed_in).to_have_url(f"{site.url}{listed}#examples")


def test_texts_and_rows_are_shown(signed_in: Page, site: Site) -> None:
    signed_in.goto(f"{SCANS}/{site.world.texts}")
    text = signed_in.locator(".item .text").first
    assert len(text.inner_text()) > 40
    signed_in.locator(".item").first.click()
    expect(signed_in.locator(".reading-text")).to_be_visible()

    signed_in.goto(f"{SCANS}/{site.world.table}")
    expect(signed_in.locator("svg.scatter a")).to_have_count(25)
    expect(signed_in.locator(".item .cells").first).to_contain_text("bmi")
    signed_in.locator("svg.scatter a").first.focus()
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator(".hero dt")).to_have_count(10)


def test_progress_and_the_end_of_a_scan_come_without_a_reload(signed_in: Page, site: Site) -> None:
    from uuid import UUID

    from tests.support import plan
    from workers.scanning.finalise import run_finalising
    from workers.scanning.shards import run_next_shard

    run = get(site.api, f"/scans/{site.world.images}")["run_id"]
    scan = post(site.api, "/scans", {"run_id": run, "layers": "last"})["id"]

    def work(step: object, *arguments: object) -> None:
        # Playwright's loop runs in this thread: the worker's functions get one of their own.
        with ThreadPoolExecutor(1) as worker:
            worker.submit(step, *arguments).result()  # type: ignore[arg-type]

    signed_in.goto(f"{SCANS}/{scan}")
    signed_in.evaluate("window.same_page = true")
    expect(signed_in.get_by_text("Waiting for a worker")).to_be_visible()
    work(plan, scan)
    expect(signed_in.get_by_role("heading", name="Scoring")).to_be_visible()
    bar = signed_in.get_by_role("progressbar", name="Examples scored")
    work(run_next_shard, UUID(scan))
    expect(bar).to_have_attribute("value", "64")
    expect(signed_in.locator('[data-live="done"]')).to_have_text("64")
    expect(signed_in.locator('[data-live="speed"]')).to_contain_text("examples/s")
    while get(site.api, f"/scans/{scan}")["status"] == "running":
        work(run_next_shard, UUID(scan))
    work(run_finalising, UUID(scan))
    expect(signed_in.get_by_text("Examples whose label is likely wrong")).to_be_visible()
    assert signed_in.evaluate("window.same_page") is True


def test_progress_comes_again_after_the_service_was_unwell(
    new_context: NewContext, site: Site
) -> None:
    context, watch = new_context()
    watch.expected.append("503")
    page = context.new_page()
    sign_in(page, site)
    run = get(site.api, f"/scans/{site.world.images}")["run_id"]
    scan = post(site.api, "/scans", {"run_id": run, "layers": "last"})
    # As a proxy answers while the service starts anew: a browser does not ask again by itself.
    page.route("**/events", lambda route: route.fulfill(status=503))
    with page.expect_response("**/events"):
        page.goto(f"{SCANS}/{scan['id']}")
    page.unroute("**/events")
    post(site.api, f"/scans/{scan['id']}/cancel", status=200)
    expect(page.get_by_text("This scan was cancelled")).to_be_visible(timeout=15_000)


def test_a_scan_is_cancelled_and_gone_on_with_from_its_page(signed_in: Page, site: Site) -> None:
    signed_in.goto(f"{SCANS}/{site.world.queued}")
    signed_in.get_by_role("button", name="Cancel scan").click()
    expect(signed_in.get_by_text("This scan was cancelled")).to_be_visible()
    signed_in.get_by_role("button", name="Go on with the scan").click()
    expect(signed_in.get_by_text("Waiting for a worker")).to_be_visible()


def test_failures_say_what_to_do(signed_in: Page, site: Site) -> None:
    signed_in.goto(f"{SCANS}/{site.world.failed}")
    expect(signed_in.get_by_role("region", name="What went wrong")).to_contain_text("no_such_layer")
    expect(signed_in.get_by_role("button", name="Retry")).to_be_visible()
    signed_in.goto(f"/projects/lab/datasets/{site.world.broken_dataset}")
    expect(signed_in.get_by_role("region", name="What went wrong")).to_contain_text("What to do")


def test_markup_in_names_labels_and_keys_is_text(signed_in: Page, site: Site) -> None:
    signed_in.goto(f"{SCANS}/{site.world.not_finite}?which=not_finite")
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text("<i>huge</i> numbers")
    expect(signed_in.locator(".item")).to_contain_text("<b>bold</b>")
    signed_in.locator(".item").click()
    expect(signed_in.locator(".stage .mono")).to_have_text('<script>alert("7")</script>')
    expect(signed_in.get_by_text("not a finite number")).to_be_visible()


def test_the_site_works_without_scripts(new_context: NewContext, site: Site) -> None:
    context, _ = new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site)
    page.get_by_role("link", name="scans", exact=True).click()
    page.locator(f"#open-{site.world.images}").click()
    page.get_by_label("given label").select_option("3")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".item").first.locator("del")).to_have_text("3")
    page.locator(".item").first.click()
    page.get_by_role("link", name="next").click()
    expect(page.get_by_role("heading", name="All scores")).to_be_visible()
    page.get_by_role("button", name="sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))


def test_the_api_reference_is_readable_signed_out(page: Page) -> None:
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="API reference")).to_be_visible()
    page.get_by_text("Request body").first.click()
    expect(page.locator("details[open] pre").first).to_contain_text('"digits"')


def paths(site: Site) -> dict[str, str]:
    """Every kind of page, by a name for its screenshot."""
    world = site.world
    flag = get(site.api, f"/scans/{world.images}/flags", limit=2)["items"][1]["position"]
    text = get(site.api, f"/scans/{world.texts}/flags", limit=3)["items"][2]["position"]
    row = get(site.api, f"/scans/{world.table}/flags", limit=1)["items"][0]["position"]
    return {
        "scans": SCANS,
        "scan": f"{SCANS}/{world.images}",
        "scan-text": f"{SCANS}/{world.texts}",
        "scan-regression": f"{SCANS}/{world.table}",
        "scan-running": f"{SCANS}/{world.running}",
        "new-scan": f"{SCANS}/new?estimate={world.estimate}",
        "scan-failed": f"{SCANS}/{world.failed}",
        "example": f"{SCANS}/{world.images}/examples/{flag}",
        "example-text": f"{SCANS}/{world.texts}/examples/{text}",
        "example-row": f"{SCANS}/{world.table}/examples/{row}",
        "datasets": "/projects/lab/datasets",
        "dataset": f"/projects/lab/datasets/{world.digits}",
        "dataset-failed": f"/projects/lab/datasets/{world.broken_dataset}",
        "api": "/api/docs",
    }


def _open(page: Page, path: str) -> None:
    """A page, with what its scripts fetch."""
    page.goto(path)
    expect(page.locator("[data-fill], [aria-busy=true]")).to_have_count(0)


def test_evidence_comes_after_the_page_and_leads_to_the_examples(
    signed_in: Page, site: Site
) -> None:
    scan = site.world.images
    flag = get(site.api, f"/scans/{scan}/flags", limit=1)["items"][0]
    found = get(site.api, f"/scans/{scan}/scores/{flag['position']}/evidence", k=8)
    _open(signed_in, f"{SCANS}/{scan}/examples/{flag['position']}")
    evidence = signed_in.get_by_role("region", name="Evidence")
    expect(evidence.get_by_role("heading", name="Opponents")).to_be_visible()
    expect(evidence.get_by_role("link")).to_have_count(
        len(found["opponents"]) + len(found["proponents"])
    )
    evidence.get_by_role("link").first.click()
    first = found["opponents"][0]["position"]
    expect(signed_in).to_have_url(re.compile(rf"/examples/{first}\b"))


def test_the_whole_list_is_reached_by_keyboard_with_a_visible_focus(
    signed_in: Page, site: Site
) -> None:
    signed_in.goto(SCANS)
    signed_in.keyboard.press("Tab")
    expect(signed_in.get_by_role("link", name="Skip to the content")).to_be_focused()
    signed_in.keyboard.press("Enter")
    signed_in.keyboard.press("Tab")
    expect(signed_in.get_by_role("link", name="New scan")).to_be_focused()
    signed_in.keyboard.press("Tab")
    focused = signed_in.locator(":focus")
    assert (focused.get_attribute("id") or "").startswith("open-")
    expect(focused).to_have_css("outline-style", "solid")
    expect(focused).to_have_css("outline-width", "3px")


def test_motion_respects_the_users_setting(new_context: NewContext, site: Site) -> None:
    context, _ = new_context(reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"{SCANS}/{site.world.running}")
    running = page.evaluate("document.getAnimations().length")
    assert running == 0


_KEPT = {
    "scans",
    "scan",
    "new-scan",
    "scan-text",
    "scan-regression",
    "example",
    "example-text",
    "example-row",
    "datasets",
    "dataset",
    "api",
}


def test_looks(signed_in: Page, site: Site) -> None:
    """CLEANTRACE_SCREENSHOTS=1 renews the pictures that docs/screenshots/ keeps."""
    for name, path in paths(site).items():
        _open(signed_in, path)
        looks.look(signed_in, name, keep=name in _KEPT)
