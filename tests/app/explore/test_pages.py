"""The page for looking around, as it is without scripts."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, signed_in
from tests.app.scans.test_pages import statements
from tests.support import get, make_scan, post, run_scan


@pytest.fixture
def scan(api: TestClient, data_dir: Path) -> str:
    made: str = make_scan(api, data_dir, 120)["id"]
    run_scan(made)
    return made


def positions(page: str, scan: str) -> list[int]:
    return [int(found) for found in re.findall(rf"/scans/{scan}/examples/(\d+)\?", page)]


def links(page: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'href="([^"]+)"', page)]


def test_ranges_and_filter_select_and_lead_to_a_queue(api: TestClient, scan: str) -> None:
    browser = signed_in(api)
    url = f"/projects/lab/scans/{scan}/explore"
    whole = browser.get(url)
    assert "All 120 examples" in whole.text
    assert "Make a queue" not in whole.text
    asked = {"x": "loss", "y": "margin", "y_to": 0.0, "given": "1"}
    known = post(api, f"/scans/{scan}/region", asked, status=200)
    # A form without scripts sends what was left empty too.
    typed = {name: str(value) for name, value in asked.items()} | {"x_from": "", "suggested": ""}
    page = browser.get(url, params=typed).text
    assert f"{known['count']} examples selected" in page
    assert positions(page, scan) == [item["position"] for item in known["items"]][:20]
    without = next(link for link in links(page) if "given=1" not in link and "y_to=0.0" in link)
    assert "given 1 <span" in page
    assert "given 1 <span" not in browser.get(without).text

    (new,) = [link for link in links(page) if "/queues/new" in link]
    form = browser.get(new).text
    assert 'id="policy-region" checked' in form
    assert "margin to 0, given 1" in html.unescape(form)
    region = html.unescape(re.findall(r'name="region" value="([^"]+)"', form)[0])
    sent = {
        "csrf_token": csrf_token(form), "scan": scan, "name": "below", "policy": "region",
        "region": region, "do": "make",
    }  # fmt: skip
    refused = browser.post("/projects/lab/queues/new", data=sent | {"region": "[["})
    assert "Nothing is selected." in refused.text
    answer = browser.post("/projects/lab/queues/new", data=sent)
    assert answer.status_code == 303, answer.text
    queue = get(api, f"/queues/{answer.headers['location'].rpartition('/')[2]}")
    assert queue["item_count"] == known["count"] > 0
    assert "margin to 0, given 1" in html.unescape(browser.get(answer.headers["location"]).text)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("x_from=much", "&#39;much&#39; is not a number."),
        ("y_from=2&y_to=1", "ends before it begins"),
        ("polygon=1+2+3", "cannot be read"),
        ("given=unicorn", "no class"),
    ],
)
def test_what_cannot_be_selected_is_told_on_the_page(
    api: TestClient, scan: str, query: str, told: str
) -> None:
    answer = signed_in(api, role="viewer").get(f"/projects/lab/scans/{scan}/explore?{query}")
    assert answer.status_code == 422
    assert told in answer.text
    assert 'id="region"' in answer.text


def test_other_axes_keep_the_filter_and_drop_the_shape(api: TestClient, scan: str) -> None:
    url = f"/projects/lab/scans/{scan}/explore?x=loss&x_scale=log&y=margin&y_to=1&flagged=yes"
    page = signed_in(api).get(url).text
    axes = page.partition('id="axes"')[2].partition("</form>")[0]
    assert re.findall(r'type="hidden" name="(\w+)"', axes) == ["flagged"]
    ranges = page.partition('id="region"')[2].partition("</form>")[0]
    assert re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', ranges) == [
        ("x", "loss"), ("y", "margin"), ("x_scale", "log"),
    ]  # fmt: skip
    # What has no logarithm is drawn linear, whatever was ticked for the axis before.
    assert "y_scale" not in signed_in(api).get(url + "&y_scale=log").text.partition("<main")[2]


def test_among_very_many_examples_the_selection_comes_after_the_page(
    api: TestClient, scan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.explore.view._MOST_FOR_A_PAGE", 100)
    browser = signed_in(api)
    url = f"/projects/lab/scans/{scan}/explore"
    assert len(positions(browser.get(url).text, scan)) == 20
    first = browser.get(f"{url}?flagged=yes").text
    assert positions(first, scan) == []
    (later,) = [link for link in links(first) if "now=yes" in link]
    assert 'data-fill="selection"' in first
    assert "12 examples selected" in browser.get(later).text


def test_many_selected_take_as_many_statements_as_few(api: TestClient, scan: str) -> None:
    browser = signed_in(api)
    url = f"/projects/lab/scans/{scan}/explore?flagged=yes&x=loss&y=margin"
    browser.get(url)  # reads the columns, which are kept
    counts = []
    for query, cards in (("", 12), (f"&position={positions(browser.get(url).text, scan)[0]}", 1)):
        with statements() as seen:
            assert len(positions(browser.get(url + query).text, scan)) == cards
        counts.append(len(seen))
    assert counts[0] == counts[1]
