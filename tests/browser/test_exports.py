"""Exports in Chromium: an engineer asks for one, sees it made, and saves the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from tests.app.exports.world import make, register, review
from tests.browser import looks
from tests.browser.conftest import serve
from tests.browser.snapshot import empty_tables
from tests.support import begin_session, get, make_key, make_person


@dataclass
class Office:
    """A running dashboard whose project `lab` has a dataset that was reviewed."""

    url: str
    cookie: str
    api: TestClient
    dataset: str


@pytest.fixture(scope="module")
def site(service: None, application: FastAPI) -> Iterator[Office]:
    """In place of the one with scans: these pages need none."""
    from app.settings import settings

    empty_tables()
    path = Path(settings().allowed_roots[0]) / "films.csv"
    rows = "".join(f"f{i},a film of {i} reels,{'bad' if i % 2 else 'good'}\n" for i in range(12))
    path.write_text("id,text,label\n" + rows)
    with TestClient(application) as api:
        api.headers["Authorization"] = f"Bearer {make_key('lab')}"
        dataset = register(api, path, "csv", name="films")
        review(api, dataset, {0: "bad", 1: "unusable", 2: "right", 3: "unsure"})
        cookie = begin_session(make_person("lab", "engineer", name="Grace"))
        with serve() as url:
            yield Office(url, cookie, api, dataset["id"])


def test_an_export_from_the_form_to_the_file(page: Page, site: Office) -> None:
    from app.access.guards import COOKIE

    page.context.add_cookies([{"name": COOKIE, "value": site.cookie, "url": site.url}])
    page.goto(f"/projects/lab/datasets/{site.dataset}")
    page.get_by_role("link", name="Exports").click()
    for what, version in (
        ("Evidence for an auditor, signed", ""),
        ("Patch, CSV", ""),
        ("Corrected data set, in its own format", "2"),
    ):
        page.get_by_label("What").select_option(what)
        page.get_by_label("Register it as version").fill(version)
        page.get_by_role("button", name="Export").click()
        expect(page.get_by_text("Waiting for a worker")).to_be_visible()
        make(get(site.api, "/exports")["items"][0]["id"])
        # The page looks again by itself.
        expect(page.get_by_text("Waiting for a worker")).to_have_count(0)
    expect(page.get_by_role("link", name="version 2")).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("link", name="films-1-patch.csv").click()
    lines = Path(saving.value.path()).read_text().splitlines()
    assert re.match(r"f0,relabel,good,bad,test,.*,consensus,", lines[1])
    assert lines[2].startswith("f1,remove,bad,,test,")
    page.get_by_text("What a reader of the files must know").first.click()
    looks.look(page, "exports")
