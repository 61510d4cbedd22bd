"""A reviewer's browser at a queue, for tests of the review page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import NewContext, Site, Watch
from tests.support import begin_session, get, make_person, post


@dataclass
class Desk:
    """A reviewer's browser at a queue."""

    page: Page
    context: BrowserContext
    watch: Watch
    site: Site
    queue: str
    person: UUID

    def open(self, path: str = "review") -> None:
        self.page.goto(f"/projects/lab/queues/{self.queue}/{path}")

    @property
    def item(self) -> Locator:
        return self.page.locator("#place > article")

    @property
    def said(self) -> Locator:
        return self.page.locator("#said")

    def name(self) -> str:
        expect(self.item).to_have_count(1)
        return self.item.get_attribute("data-name") or ""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def press_and_see_the_next(self, key: str) -> str:
        """Decide by a key; the name of what was decided, once another item is there."""
        before = self.name()
        self.press(key)
        expect(self.item).not_to_have_attribute("data-name", before)
        return before

    def saved(self, count: int) -> list[dict[str, Any]]:
        """What the service has of this person, the earliest first, once all is there."""
        # After failures on a busy machine the page may wait so long until it tries again.
        expect(self.page.locator("#unsaved")).to_be_hidden(timeout=45_000)
        self.page.wait_for_function(
            "prefix => !Object.keys(localStorage).some((key) => key.startsWith(prefix))",
            arg="cleantrace/review/",
        )
        found = get(self.site.api, f"/queues/{self.queue}/verdicts", principal_id=str(self.person))
        assert len(found["items"]) == count, found["items"]
        return list(reversed(found["items"]))


Sit = Callable[..., Desk]


def sitting(new_context: NewContext, site: Site) -> Sit:
    """Seats new people at a queue, each in a browser of their own."""

    def seat(queue: str, *, name: str = "Ada", role: str = "reviewer", **options: object) -> Desk:
        person = make_person("lab", role, name=name, email=f"{uuid4()}@example.com")
        context, watch = new_context(**options)
        sign_in_as(context, site, person)
        return Desk(context.new_page(), context, watch, site, queue, person)

    return seat


def sign_in_as(context: BrowserContext, site: Site, person: UUID) -> None:
    from app.access.guards import COOKIE

    context.add_cookies([{"name": COOKIE, "value": begin_session(person), "url": site.url}])


def make_queue(site: Site, scan: str | None = None, **body: Any) -> str:
    asked = {"name": f"suspects {uuid4().hex[:6]}", "scan_id": scan or site.world.images}
    made: str = post(site.api, "/queues", asked | body)["id"]
    return made
