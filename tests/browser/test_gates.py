"""Gates in Chromium: a policy is stored, a dataset checked, and the verdict followed up."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from benchmarks.audit_world import write_review
from benchmarks.simulated_reviews import Plan, SimulatedReview
from tests.browser import looks
from tests.browser.conftest import NewContext, Site, sign_in
from tests.support import post

GATES = "/projects/lab/gates"
RULES: list[dict[str, Any]] = [
    {"rule": "wrong_labels", "at_most": 0.03},
    {"rule": "unreviewed_flags", "suspicion": 0.95, "at_most": 0},
    {"rule": "flags_per_class", "at_most_share": 0.2, "level": "warn"},
    {"rule": "reviewed", "at_least": 0.5},
    {"rule": "new_flags"},
    {"rule": "scan_age", "at_most_days": 14},
]
WAIVER = {
    "rule": "new_flags",
    "owner": "ada@example.com",
    "reason": "The first version has no baseline.",
    "until": "2199-12-31",
}
PLAN = Plan(examples=1000, audits=330, flags=140, most_wrong=0.1)


@pytest.fixture(scope="module")
def verdict(site: Site) -> str:
    """The latest of several, on images whose review is well under way."""
    every = {"name": str(uuid4()), "scan_id": site.world.images, "policy": {"kind": "filter"}}
    queue = post(site.api, "/queues", every)["id"]
    review = SimulatedReview(7, "informative", PLAN)
    for number, _ in enumerate(review.verdicts()):
        if number == 440:
            break
    write_review(UUID(site.world.digits), UUID(queue), review)
    first = {"name": "release", "description": "Before a model is trained.", "rules": RULES[1:]}
    post(site.api, "/gates", {"policy": first})
    policy = first | {"rules": RULES, "waivers": [WAIVER]}
    post(site.api, "/gates", {"policy": policy})
    for scan in (site.world.images, site.world.texts):
        for rules in ([RULES[5]], [RULES[1]], [RULES[2] | {"at_most_share": 0.01}], [RULES[4]]):
            one = {"name": "release", "rules": rules}
            post(site.api, "/gate-evaluations", {"policy": one, "scan_id": scan})
    asked = {"gate": "release", "scan_id": site.world.images}
    made: str = post(site.api, "/gate-evaluations", asked)["id"]
    few = {"name": "pull-request", "rules": [{"rule": "flags", "at_most_share": 0.2}]}
    post(site.api, "/gate-evaluations", {"policy": few, "scan_id": site.world.table})
    return f"/projects/lab/gate-evaluations/{made}"


def test_gates_stand_with_their_history_and_lead_to_a_verdict(
    signed_in: Page, verdict: str
) -> None:
    page = signed_in
    page.get_by_role("navigation", name="Project lab").get_by_role("link", name="gates").click()
    gate = page.locator("#gate-release")
    expect(gate.get_by_role("img", name="The last 9 verdicts")).to_be_visible()
    expect(gate.get_by_text("At least 50")).to_be_visible()
    looks.look(page, "gates")
    page.set_viewport_size({"width": 1280, "height": 900})
    gate.get_by_role("list", name="Latest verdict").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Gate failed")
    expect(page.get_by_role("img", name="between")).to_be_visible()
    expect(page.locator(".gallery img").first).to_be_visible()
    looks.look(page, "gate-verdict")


def test_a_policy_and_how_its_versions_differ(signed_in: Page, verdict: str) -> None:
    page = signed_in
    page.goto(f"{GATES}/policies/release")
    expect(page.get_by_role("heading", name="From version 1 to 2")).to_be_visible()
    expect(page.locator(".difference ins")).not_to_have_count(0)
    looks.look(page, "gate-policy")
    page.goto("/projects/lab/gate-evaluations")
    looks.look(page, "gate-verdicts", keep=False)


def test_by_keyboard_and_without_script_from_a_policy_to_a_queue(
    new_context: NewContext, site: Site, verdict: str
) -> None:
    context, watch = new_context(java_script_enabled=False)
    watch.expected.append("422")
    page = context.new_page()
    sign_in(page, site)
    page.goto(GATES)
    page.get_by_role("link", name="Store a policy").press("Enter")
    text = page.get_by_label("The policy, as YAML")
    text.fill("name: strict\nrules:\n  - {rule: flags, at_mots: 0}\n")
    page.get_by_role("button", name="Store it").press("Enter")
    told = page.get_by_role("alert")
    expect(told).to_contain_text("line 3, rules.0.at_mots")
    text.fill("name: strict\nrules:\n  - {rule: flags, at_most: 0}\n")
    page.get_by_role("button", name="Store it").press("Enter")
    page.get_by_role("link", name="Check a dataset").press("Enter")
    expect(page.get_by_label("Policy")).to_have_value("strict")
    page.get_by_label("Dataset").select_option(label="reviews 2026-11")
    page.get_by_role("button", name="Check it").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Gate failed")
    expect(page.locator(".gallery .text").first).to_be_visible()
    page.get_by_role("button", name="Make a queue of the unreviewed flags").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("reviews 2026-11: gate strict")


def test_forms_look_as_they_should(new_context: NewContext, site: Site, verdict: str) -> None:
    context, watch = new_context()
    watch.expected.append("422")
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"{GATES}/new")
    page.get_by_label("The policy, as YAML").fill("name: a\nrules:\n  - {rule: flags}\n")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("alert")).to_contain_text("give a limit")
    looks.look(page, "gate-new")
    page.goto(f"/projects/lab/scans/{site.world.images}")
    page.get_by_role("link", name="Check a gate").click()
    expect(page.get_by_text("On the scan of digits v3")).to_be_visible()
    looks.look(page, "gate-check", keep=False)


def test_reports_are_saved_with_their_pictures(
    signed_in: Page, verdict: str, tmp_path: Path
) -> None:
    page = signed_in
    page.goto(verdict)
    with page.expect_download() as saving:
        page.get_by_role("link", name="png", exact=True).click()
    sheet = Image.open(io.BytesIO(Path(saving.value.path()).read_bytes()))
    assert (sheet.format, sheet.width > 600) == ("PNG", True)
    with page.expect_download() as saving:
        page.get_by_role("link", name="html", exact=True).click()
    report = tmp_path / "gate.html"
    report.write_bytes(Path(saving.value.path()).read_bytes())
    # As whoever opens the file sees it: from no host.
    browser = page.context.browser
    assert browser is not None
    alone = browser.new_page()
    alone.goto(report.as_uri())
    pictures = alone.locator("img")
    assert 10 < pictures.count() <= 24
    for picture in pictures.all():
        expect(picture).to_have_js_property("naturalWidth", 8)
    looks.look(alone, "gate-report", keep=False)
    alone.close()
