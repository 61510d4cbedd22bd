"""The dashboard in Chromium: a real server process, real data, every request watched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import snapshot
from tests.browser.world import World, build_world
from tests.support import make_key
from tools.ensure_browser import browser_missing, find_browser

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "docs" / "screenshots"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = browser_missing(dict(os.environ))
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            if missing is not None:
                item.add_marker(pytest.mark.skip(reason=missing))


@dataclass
class Site:
    """The running dashboard and what stands in its project `lab`."""

    url: str
    world: World
    api: TestClient
    key: str


@dataclass
class Built:
    """A world, whoever made it, and the rows that it is made of."""

    world: World
    key: str
    rows: dict[str, bytes]


@pytest.fixture(scope="session")
def built(service: None, application: FastAPI) -> Built:
    """Made once, at the first module that asks: each begins with its rows as they were then."""
    from app.settings import settings

    snapshot.empty_tables()
    folder = Path(settings().allowed_roots[0]) / "browser"
    folder.mkdir(exist_ok=True)
    key = make_key("lab")
    with TestClient(application) as api:
        api.headers["Authorization"] = f"Bearer {key}"
        return Built(build_world(api, folder), key, snapshot.take())


@pytest.fixture(scope="session")
def server(service: None) -> Iterator[str]:
    """The URL of a server for all modules: it starts in seconds, and keeps nothing of a module."""
    with serve() as url:
        yield url


@pytest.fixture(scope="module")
def site(built: Built, application: FastAPI, server: str) -> Iterator[Site]:
    snapshot.put_back(built.rows)
    with TestClient(application) as api:
        api.headers["Authorization"] = f"Bearer {built.key}"
        yield Site(server, built.world, api, built.key)


@contextmanager
def serve() -> Iterator[str]:
    """uvicorn as users run it, on the database of this test process."""
    with socket.socket() as listener:
        # The server inherits the listening socket: no other process can take the port before it.
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app.main:app", "--fd", str(listener.fileno()),
             "--no-access-log", "--timeout-graceful-shutdown", "2"],
            cwd=ROOT,
            env={**os.environ, "CLEANTRACE_PUBLIC_URL": url},
            pass_fds=[listener.fileno()],
        )  # fmt: skip
        try:
            _wait_until_healthy(url, process)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended at once"
        try:
            with urllib.request.urlopen(f"{url}/api/v1/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server is not healthy")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Not for the session: Playwright keeps an event loop running in this thread, in which other
    # modules' tests could start none.
    program = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a browser did that it must not do."""

    home: str
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of console messages that the test provokes."""

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self._request(request.url))
        page.on("console", lambda message: self._say(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _request(self, url: str) -> None:
        if not url.startswith((self.home + "/", "data:")):
            self.elsewhere.append(url)

    def _say(self, message: str) -> None:
        if not message.startswith(("log:", "debug:", "info:")):
            self.complaints.append(message)

    def check(self) -> None:
        assert not self.elsewhere, "requests left the host"
        unexpected = [
            complaint
            for complaint in self.complaints
            if not any(part in complaint for part in self.expected)
        ]
        assert not unexpected, "the browser complained"


NewContext = Callable[..., tuple[BrowserContext, Watch]]


@pytest.fixture
def new_context(chromium: Browser, site: Site) -> Iterator[NewContext]:
    """Makes browser contexts; at the end of the test each is checked and closed."""
    made: list[tuple[BrowserContext, Watch]] = []

    def make(**options: object) -> tuple[BrowserContext, Watch]:
        settings: dict[str, object] = {"viewport": {"width": 1280, "height": 900}} | options
        context = chromium.new_context(base_url=site.url, **settings)  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        watch = Watch(site.url)
        context.on("page", watch.follow)
        made.append((context, watch))
        return context, watch

    yield make
    for context, _watch in made:
        context.close()
    for _context, watch in made:
        watch.check()


@pytest.fixture
def page(new_context: NewContext) -> Page:
    context, _ = new_context()
    return context.new_page()


@pytest.fixture
def signed_in(page: Page, site: Site) -> Page:
    sign_in(page, site)
    return page


def sign_in(page: Page, site: Site) -> None:
    page.goto("/sign-in")
    page.get_by_label("API key").fill(site.key)
    page.get_by_role("button", name="Use the key").click()
    page.wait_for_url("**/projects/lab")
