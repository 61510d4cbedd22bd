"""The page that takes files of annotations, says what became of them, and takes them back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, signed_in
from tests.app.reviews.test_queue_pages import QUEUES, open_page
from tests.app.reviews.world import get, make_queue, require_sound


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    return signed_in(api)


def task(key: str, label: str, who: str = "<b>ada</b>") -> dict[str, Any]:
    region = {"from_name": "label", "type": "choices", "value": {"choices": [label]}}
    annotation = {"completed_by": {"id": 1, "email": who}, "result": [region]}
    return {"data": {"key": key}, "annotations": [annotation]}


def send(
    browser: TestClient, queue: str, do: str, content: bytes, status: int = 200, **fields: Any
) -> str:
    url = f"{QUEUES}/{queue}/imports"
    form = {"csrf_token": csrf_token(open_page(browser, url)), "do": do} | fields
    answer = browser.post(url, data=form, files={"file": ("x.json", content)})
    assert answer.status_code == status, answer.text
    return open_page(browser, answer.headers["location"]) if status == 303 else answer.text


def test_a_file_is_looked_at_imported_and_undone(api: TestClient, browser: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    assert f'href="{QUEUES}/{queue}/imports"' in open_page(browser, f"{QUEUES}/{queue}")
    content = json.dumps([task("key-0", "bee"), task("key-1", "bee")]).encode()
    seen = send(browser, queue, "preview", content)
    assert "What 2 annotations would do" in seen
    assert get(api, f"/queues/{queue}")["done"] == 0
    page = send(browser, queue, "import", content, 303)
    assert "2 annotations imported" in page
    assert "<b>ada" not in page
    assert get(api, f"/queues/{queue}")["done"] == 2
    again = send(browser, queue, "import", content)
    assert "are known already" in again
    [undo] = re.findall(rf'action="({QUEUES}/{queue}/imports/[^"]+/undo)"', page)
    answer = browser.post(undo, data={"csrf_token": csrf_token(page)})
    assert answer.status_code == 303
    assert "The import is undone" in open_page(browser, answer.headers["location"])
    assert get(api, f"/queues/{queue}")["done"] == 0
    require_sound(queue)


def test_what_is_wrong_is_told_and_nothing_is_written(api: TestClient, browser: TestClient) -> None:
    queue, _ = make_queue(api, 20)
    content = json.dumps([task("key-0", "bee"), task("<i>no</i>", "bee")]).encode()
    refused = send(browser, queue, "import", content, 422)
    assert "1 cannot be imported" in refused
    seen = send(browser, queue, "preview", content)
    assert "&lt;i&gt;no&lt;/i&gt;" in seen
    assert get(api, f"/queues/{queue}")["done"] == 0
    assert "2 annotations" in send(browser, queue, "preview", content, leave_out="true")
    assert "not JSON" in send(browser, queue, "import", b"no", 422)
    assert "0 annotations" in send(browser, queue, "import", b"[]", 422)
    bad_name = json.dumps([task("key-0", "bee", "a\x1bb")]).encode()
    assert "annotations.0.annotator: " in send(browser, queue, "import", bad_name, 422)
    # More than other forms take.
    long = json.dumps([task("key-0", "bee") | {"filler": "x" * 3_000_000}]).encode()
    assert "1 annotation" in send(browser, queue, "preview", long)
    viewer = signed_in(api, role="viewer")
    assert viewer.get(f"{QUEUES}/{queue}/imports").status_code == 403
