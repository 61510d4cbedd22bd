"""Starting a scan in the browser: choose, see what it will cost, start."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, Site, sign_in
from tests.support import get, plan, work_on_estimate

SCANS = "/projects/lab/scans"


def work(step: object, *arguments: object) -> None:
    # Playwright's loop runs in this thread: the worker's functions get one of their own.
    with ThreadPoolExecutor(1) as worker:
        worker.submit(step, *arguments).result()  # type: ignore[arg-type]


def estimate_on(page: Page) -> str:
    page.wait_for_url(re.compile("estimate="))
    return re.search(r"estimate=([0-9a-f-]+)", page.url)[1]  # type: ignore[index]


def scan_on(page: Page) -> str:
    page.wait_for_url(re.compile(r"/scans/[0-9a-f-]{36}$"))
    return page.url.rpartition("/")[2]


def test_choose_estimate_start_and_see_it_run(signed_in: Page, site: Site) -> None:
    page = signed_in
    page.goto(f"/projects/lab/datasets/{site.world.digits}")
    page.get_by_role("link", name="New scan").click()
    expect(page.get_by_label("Run, its dataset, its checkpoints")).to_contain_text("digits v3")
    page.get_by_label("Rank by").select_option("loss")
    page.get_by_label("how many").fill("40")
    expect(page.get_by_role("radio", name="the so many most suspicious")).to_be_checked()
    page.get_by_role("button", name="What will it cost?").click()

    estimate = estimate_on(page)
    page.evaluate("window.same_page = true")
    expect(page.get_by_role("heading", name="Estimating the cost")).to_be_visible()
    page.get_by_label("how many").fill("41")  # while it goes on
    work(work_on_estimate, estimate)
    expect(page.get_by_role("heading", name="What it will cost")).to_be_visible()
    assert page.evaluate("window.same_page") is True
    expect(page.get_by_label("how many")).to_have_value("41")
    rows = page.get_by_role("region", name="Cost").get_by_role("row")
    expect(rows).to_have_count(6)
    expect(rows.nth(1)).to_contain_text("As asked")
    expect(rows.nth(5)).to_contain_text("Last checkpoint alone")

    page.get_by_role("button", name="Start this: Last checkpoint alone").click()
    scan = scan_on(page)
    started = get(site.api, f"/scans/{scan}")
    assert len(started["checkpoint_ids"]) == 1
    assert (started["score"], started["policy"]) == ("loss", {"kind": "top_k", "k": 40})
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    work(plan, scan)
    expect(page.get_by_role("heading", name="Scoring")).to_be_visible()


def test_start_at_once_with_the_checkpoints_ticked(signed_in: Page, site: Site) -> None:
    page = signed_in
    page.goto(SCANS)
    page.get_by_role("link", name="New scan").click()
    digits = page.locator("#run option", has_text="digits v3").get_attribute("value")
    page.get_by_label("Run, its dataset, its checkpoints").select_option(digits)
    page.get_by_role("button", name="Show its checkpoints").click()
    ticks = page.locator(".ticks").get_by_role("checkbox")
    expect(ticks).to_have_count(6)
    ticks.nth(5).check()
    ticks.nth(2).check()
    expect(page.get_by_role("radio", name="Only those ticked")).to_be_checked()
    # Two clicks make one scan.
    before = len(get(site.api, "/scans")["items"])
    page.get_by_role("button", name="Start the scan").dblclick()
    scan = scan_on(page)
    assert len(get(site.api, f"/scans/{scan}")["checkpoint_ids"]) == 2
    assert len(get(site.api, "/scans")["items"]) == before + 1


def test_a_fault_that_a_dry_run_finds_comes_to_its_field(signed_in: Page, site: Site) -> None:
    page = signed_in
    page.goto(f"{SCANS}/new")
    page.get_by_label("Names and patterns of layers").fill("no_such_layer")
    page.get_by_role("button", name="What will it cost?").click()
    estimate = estimate_on(page)
    expect(page.get_by_role("heading", name="Estimating the cost")).to_be_visible()
    work(work_on_estimate, estimate)
    expect(page.locator("#problem-layers")).to_contain_text("no_such_layer")
    names = page.get_by_label("Names and patterns of layers")
    expect(names).to_have_value("no_such_layer")
    expect(names).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("region", name="What went wrong")).to_contain_text("What to do")


def test_a_mistake_is_told_beside_its_field(new_context: NewContext, site: Site) -> None:
    context, watch = new_context()
    watch.expected.append("422")
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"{SCANS}/new")
    page.get_by_label("share in percent").fill("a tenth")
    page.get_by_role("button", name="Start the scan").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    expect(page.locator("#problem-policy")).to_contain_text("such as 10")
    expect(page.get_by_label("share in percent")).to_have_value("a tenth")
    for width in (320, 390, 800, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_it_works_without_scripts(new_context: NewContext, site: Site) -> None:
    context, _ = new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site)
    page.get_by_role("link", name="scans", exact=True).click()
    page.get_by_role("link", name="New scan").click()
    page.get_by_role("button", name="What will it cost?").click()
    estimate = estimate_on(page)
    expect(page.get_by_role("heading", name="Estimating the cost")).to_be_visible()
    work(work_on_estimate, estimate)
    # The page reloads itself.
    expect(page.get_by_role("heading", name="What it will cost")).to_be_visible()
    page.get_by_role("button", name="Start this: As asked").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
