"""Webhooks in Chromium: an admin registers one, tests it and reads how it answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.app.webhooks.receiver import Answer, Receiver
from tests.browser import looks
from tests.browser.conftest import serve
from tests.browser.snapshot import empty_tables
from tests.support import begin_session, make_person


@dataclass
class Office:
    """A running dashboard whose project `lab` has an admin."""

    url: str
    cookie: str


@pytest.fixture(scope="module")
def site(service: None) -> Iterator[Office]:
    """In place of the one with scans: these pages need none."""
    from app.settings import settings

    empty_tables()
    grace = make_person("lab", "admin", name="Grace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANTRACE_WEBHOOK_HTTP", "true")
        patch.setenv("CLEANTRACE_WEBHOOK_PRIVATE", "true")
        settings.cache_clear()
        with serve() as url:
            yield Office(url, begin_session(grace))
    settings.cache_clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def _work(page: Page) -> None:
    from workers.webhooks import run_delivering

    found = re.search(r"/webhooks/([0-9a-f-]{36})", page.url)
    assert found
    run_delivering(UUID(found[1]))


def test_a_webhook_from_registration_to_its_log(
    page: Page, site: Office, receiver: Receiver
) -> None:
    from app.access.guards import COOKIE

    page.context.add_cookies([{"name": COOKIE, "value": site.cookie, "url": site.url}])
    page.goto("/projects/lab/webhooks")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label("a scan has failed").check()
    page.get_by_label("reviewers disagree on an item").check()
    page.get_by_role("button", name="Register the address").click()
    assert page.get_by_label("The webhook's secret").input_value().startswith("whsec_")
    page.goto("/projects/lab/webhooks")
    page.get_by_role("link", name=receiver.url).click()
    receiver.answers.append(Answer(500, b"<h1>Out of order</h1>\n" + b"x" * 300))
    for answer in ("500", "200"):
        page.get_by_role("button", name="Send a test message").click()
        expect(page.get_by_text("on its way")).to_be_visible()
        _work(page)
        # The page looks again by itself.
        expect(page.get_by_text(f"1 attempt: {answer}").first).to_be_visible()
    page.get_by_text("1 attempt: 500").click()
    expect(page.get_by_text("<h1>Out of order</h1>")).to_be_visible()
    one = page.url
    for name, path in {"webhooks": "/projects/lab/webhooks", "webhook": one}.items():
        page.goto(path)
        if name == "webhook":
            page.locator("summary", has_text="attempt").last.click()
        looks.look(page, name)
