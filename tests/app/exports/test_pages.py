"""The page of a dataset's exports: the form, what becomes of it, and the downloads."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, signed_in
from tests.app.exports.evidence_world import public_keys, scanned
from tests.app.exports.world import make, ready, register, review
from tests.support import get


def test_an_export_is_asked_for_followed_and_downloaded(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'ab'[i % 2]}\n" for i in range(9)))
    dataset = register(api, path, "csv", name="<b>few")
    base = f"/projects/lab/datasets/{dataset['id']}"
    browser, viewer = signed_in(api), signed_in(api, role="viewer")
    assert f'href="{base}/exports"' in browser.get(base).text
    assert (
        "Nothing of this dataset is scanned or reviewed yet" in browser.get(f"{base}/exports").text
    )
    queue = review(api, dataset, {0: "b", 1: "unusable"})
    assert f'href="{base}/exports"' in browser.get(f"/projects/lab/queues/{queue}").text

    page = browser.get(f"{base}/exports").text
    assert "<b>few" not in page
    form = {"csrf_token": csrf_token(page), "what": "dataset", "register_as": "1"}
    refused = browser.post(f"{base}/exports", data=form)
    assert (refused.status_code, "has a version" in refused.text) == (409, True)
    wrong = browser.post(f"{base}/exports", data=form | {"what": "zip"})
    assert (wrong.status_code, "cannot be exported so" in wrong.text) == (422, True)
    assert viewer.post(f"{base}/exports", data=form).status_code == 403
    answer = browser.post(f"{base}/exports", data=form | {"register_as": "2"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{base}/exports")
    waiting = browser.get(f"{base}/exports").text
    assert "Waiting for a worker" in waiting
    assert 'http-equiv="refresh"' in waiting

    made = get(api, "/exports")["items"][0]["id"]
    make(made)
    page = browser.get(f"{base}/exports").text
    card = get(api, f"/exports/{made}/card")
    assert card["fingerprint"] in page
    file_url = f"/projects/lab/exports/{made}/files/0"
    assert f'href="{file_url}"' in page
    assert browser.get(file_url).content == b"id,text,label\nk0,t0,b\n" + b"".join(
        f"k{i},t{i},{'ab'[i % 2]}\n".encode() for i in range(2, 9)
    )
    seen = viewer.get(f"{base}/exports").text
    assert file_url not in seen
    assert viewer.get(file_url).status_code == 403
    corrected = ready(api, card["registered_id"])
    found = re.search(r'href="([^"]+)">version 2<', page)
    assert found is not None
    assert f'href="{base}"' in browser.get(found[1]).text
    assert corrected["version"] == "2"


def test_evidence_needs_a_scan_and_no_queue(api: TestClient, data_dir: Path) -> None:
    dataset = scanned(api, data_dir, 60)["dataset"]
    url = f"/projects/lab/datasets/{dataset['id']}/exports"
    browser = signed_in(api)
    page = browser.get(url).text
    assert re.findall(r'<option value="([a-z-]+)"', page) == ["label-studio", "argilla", "evidence"]
    form = {"csrf_token": csrf_token(page), "what": "evidence", "register_as": ""}
    assert browser.post(url, data=form).status_code == 303
    make(get(api, "/exports")["items"][0]["id"])
    page = browser.get(url).text
    [key] = public_keys(api)
    assert key["id"] in page
    assert 'href="/api/v1/signing-keys"' in page
    assert "blobs-1-evidence.zip" in page
