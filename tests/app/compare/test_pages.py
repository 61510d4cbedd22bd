"""The pages of comparisons where there is nothing to show, little, or no picture."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

from fastapi.testclient import TestClient

from benchmarks.review_world import add_scan
from tests.app.compare.world import Rows, corrected, plain_rows, version
from tests.app.dashboard.steps import person_signed_in
from tests.app.exports.world import review


def test_texts_that_changed_are_shown_before_and_now(api: TestClient, data_dir: Path) -> None:
    name, rows = str(uuid4()), plain_rows(6)
    was = version(api, data_dir, rows, name, "1")
    later: Rows = rows | {"k2": ("<b>other</b> text", "a"), "k9": ("new", "b")}
    now = version(api, data_dir, later, name, "2")
    browser = person_signed_in(api, "viewer")
    url = f"/projects/lab/datasets/{now['id']}/changes"
    asks = browser.get(url).text
    assert "Compare with which version?" in asks
    assert was["id"] in asks
    page = browser.get(url, params={"since": was["id"]}).text
    assert "Of 6 examples: 1 relabelled, 1 added and 1 with other content." in page
    assert "text 2" in page
    assert "&lt;b&gt;other&lt;/b&gt; text" in page
    only = browser.get(url, params={"since": was["id"], "kind": "added"}).text
    assert "new" in only
    assert "text 2" not in only
    same = browser.get(url, params={"since": now["id"]}).text
    assert "Nothing changed" in same
    assert "Changed examples" not in same
    wrong = browser.get(url, params={"since": was["id"], "old": "no such class"})
    assert (wrong.status_code, "Neither version has a class" in wrong.text) == (422, True)


def test_the_only_version_and_the_only_scan(api: TestClient, data_dir: Path) -> None:
    only = version(api, data_dir, plain_rows(6), str(uuid4()), "1")
    scan = add_scan(UUID(only["id"]), 6)
    browser = person_signed_in(api, "viewer")
    page = browser.get(f"/projects/lab/datasets/{only['id']}/changes").text
    assert "There is no other version" in page
    page = browser.get(f"/projects/lab/scans/{scan}/comparison").text
    assert "There is no other scan yet" in page


def test_scans_of_a_regression_and_its_correction(api: TestClient, data_dir: Path) -> None:
    rows: Rows = {f"k{i}": (str(i), i / 2) for i in range(20)}
    columns = {"input": ["text"], "label": "label", "key": "id"}
    was = version(api, data_dir, rows, str(uuid4()), "1", task="regression", columns=columns)
    before = add_scan(UUID(was["id"]), 20)
    review(api, was, {2: 7.25, 3: "unusable"})
    now = corrected(api, was, "2")
    browser = person_signed_in(api, "viewer")
    page = browser.get(f"/projects/lab/datasets/{now['id']}/changes").text
    assert '<ins><span class="hidden">now </span>7.25</ins>' in page
    assert "Examples by class" not in page
    scan = add_scan(UUID(now["id"]), 19)
    # The scan before is found by itself.
    page = browser.get(f"/projects/lab/scans/{scan}/comparison").text
    assert "what changed in the data" in page
    for fate in ("gone", "kept", "new"):
        url = f"/projects/lab/scans/{scan}/comparison"
        answer = browser.get(url, params={"with": str(before), "fate": fate})
        assert answer.status_code == 200
