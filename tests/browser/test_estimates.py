"""How many labels are wrong, in Chromium."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect

from benchmarks.audit_world import write_review
from benchmarks.simulated_reviews import Plan, SimulatedReview
from tests.browser import looks
from tests.browser.conftest import Site
from tests.browser.team import Member
from tests.support import get, post

PLAN = Plan(examples=1000, audits=330, flags=140, most_wrong=0.1)


@pytest.fixture(scope="module")
def page_url(site: Site) -> str:
    """Of a dataset whose review is well under way, with canaries and items decided twice."""
    everything = {"name": str(uuid4()), "scan_id": site.world.images, "policy": {"kind": "filter"}}
    queue = post(site.api, "/queues", everything)["id"]
    review = SimulatedReview(7, "informative", PLAN)
    for number, _ in enumerate(review.verdicts()):
        if number == 440:
            break
    write_review(UUID(site.world.digits), UUID(queue), review)
    twice = {"name": "twice", "scan_id": site.world.images, "policy": {"kind": "top_k", "k": 40}}
    double = post(site.api, "/queues", twice | {"overlap": 2, "canaries": 12, "audits": 4})["id"]
    decide(site, Member(site.api, "Ada Lovelace"), double, slip=19)
    decide(site, Member(site.api, "Bob Martin"), double, slip=11)
    return f"/projects/lab/datasets/{site.world.digits}/estimate"


def decide(site: Site, person: Member, queue: str, *, slip: int) -> None:
    """All there is; what is shown with another label than its own is seen, but each slip-th."""
    number = 0
    while (item := person.next(queue)) is not None:
        number += 1
        own = get(site.api, f"/datasets/{site.world.digits}/examples/{item['position']}")
        is_planted = own["given_label"] != item["given_label"]
        if is_planted == (number % slip > 0):
            person.decide(queue, item, "relabel", label=own["given_label"] if is_planted else "7")
        else:
            person.decide(queue, item, "right")


def test_the_answer_comes_first_and_what_is_wanted_is_chosen(
    signed_in: Page, page_url: str
) -> None:
    page = signed_in
    page.goto(page_url.removesuffix("/estimate"))
    page.get_by_role("link", name="How many labels are wrong").click()
    expect(page.locator(".says")).to_contain_text("of the labels are still wrong")
    expect(page.get_by_role("img", name="Bounds on the share")).to_be_visible()
    looks.look(page, "estimate")
    page.set_viewport_size({"width": 1280, "height": 900})
    sure = page.locator(".says").text_content()
    page.get_by_label("wanted, at most").select_option("0.05")
    page.get_by_label("confidence", exact=True).select_option("0.1")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".says")).to_contain_text("90")
    assert page.locator(".says").text_content() != sure
    expect(page.locator(".target-name")).to_contain_text("5")


def test_without_audits_it_says_how_to_begin(signed_in: Page, site: Site) -> None:
    page = signed_in
    page.goto("/projects/lab")
    page.get_by_role("link", name="how many labels are wrong").first.click()
    expect(page.get_by_role("heading", name="No audits yet")).to_be_visible()
    looks.look(page, "estimate-empty", keep=False)
