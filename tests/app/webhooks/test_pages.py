"""The pages of webhooks: registering, testing, what was sent, and nobody's HTML but ours."""

from __future__ import annotations

import html
import re
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, person_signed_in
from tests.app.webhooks.receiver import Answer, Receiver

HOOKS = "/projects/lab/webhooks"


@pytest.fixture
def browser(anonymous: TestClient) -> TestClient:
    return person_signed_in(anonymous, "admin", name="Grace")


def _send(browser: TestClient, path: str, **fields: object) -> str:
    """Send a form and follow where it leads; returns the page."""
    token = csrf_token(browser.get(HOOKS).text)
    answer = browser.post(path, data={"csrf_token": token, **fields})
    if answer.status_code == 303:
        answer = browser.get(answer.headers["Location"])
    assert answer.status_code == 200, answer.text
    return answer.text


def _work(hook: str) -> None:
    from uuid import UUID

    from workers.webhooks import run_delivering

    run_delivering(UUID(hook.rsplit("/", 1)[1]))


def _register(browser: TestClient, url: str, **fields: object) -> tuple[str, str]:
    """The new webhook's page, and its secret."""
    page = _send(browser, HOOKS, url=url, **fields)
    secret = re.search(r'value="(whsec_[^"]+)"', page)
    found = re.search(rf'action="({HOOKS}/[0-9a-f-]+)/change"', page)
    assert secret
    assert found
    return found[1], html.unescape(secret[1])


def test_a_webhook_is_registered_tested_and_its_secret_shown_once(
    browser: TestClient, receiver: Receiver
) -> None:
    assert "No webhook" in browser.get(HOOKS).text
    hook, secret = _register(browser, receiver.url, events=["scan.failed", "queue.empty"])
    listed = browser.get(HOOKS).text
    assert "scan.failed, queue.empty" in listed
    assert "whsec_" not in listed + browser.get(hook).text
    page = _send(browser, f"{hook}/ping")
    assert "on its way" in page
    assert 'data-refresh="1"' in page
    _work(hook)
    assert receiver.received[0].is_signed_with(secret)
    page = browser.get(hook).text
    assert "delivered" in page
    assert "1 attempt: 200" in page
    assert "data-refresh" not in page


def test_an_answer_is_shown_and_never_run(browser: TestClient, receiver: Receiver) -> None:
    hook, _ = _register(browser, receiver.url)
    receiver.answers.append(Answer(500, b"<script>alert(1)</script>"))
    _send(browser, f"{hook}/ping")
    _work(hook)
    page = browser.get(hook).text
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert "Messages do not arrive" in page
    again = re.search(rf'action="({hook}/deliveries/[^"]+)"', page)
    assert again
    assert "on its way again" in _send(browser, again[1])
    _work(hook)
    assert len({got.id for got in receiver.received}) == 1
    assert "2 attempts: 200" in browser.get(hook).text


def test_a_webhook_is_changed_paused_resumed_rotated_and_deleted(
    browser: TestClient, receiver: Receiver
) -> None:
    hook, secret = _register(browser, receiver.url, events=["scan.failed"])
    page = _send(browser, f"{hook}/change", url=f"{receiver.url}/2", events=["queue.empty"])
    assert f"{receiver.url}/2" in page
    assert re.search(r'value="queue.empty" checked', page)
    assert not re.search(r'value="scan.failed" checked', page)
    assert "An admin paused this webhook" in _send(browser, f"{hook}/pause")
    assert browser.post(f"{hook}/ping", data={"csrf_token": csrf_token(page)}).status_code == 409
    assert "active again" in _send(browser, f"{hook}/resume")
    rotated = _send(browser, f"{hook}/secret")
    new = re.search(r'value="(whsec_[^"]+)"', rotated)
    assert new
    assert new[1] != secret
    assert "deleted" in _send(browser, f"{hook}/delete")
    assert browser.get(hook).status_code == 404


def test_410_is_explained(browser: TestClient, receiver: Receiver) -> None:
    hook, _ = _register(browser, receiver.url)
    receiver.answers.append(Answer(410))
    _send(browser, f"{hook}/ping")
    _work(hook)
    assert "410 Gone" in browser.get(hook).text


def test_an_address_that_is_not_accepted_is_told_at_its_field(browser: TestClient) -> None:
    token = csrf_token(browser.get(HOOKS).text)
    for path in (HOOKS,):
        answer = browser.post(
            path,
            data={"csrf_token": token, "url": 'http://10.0.0.1/"><b>', "events": ["scan.failed"]},
        )
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert "https only" in answer.text
        assert 'value="http://10.0.0.1/&#34;&gt;&lt;b&gt;"' in answer.text
        assert re.search(r'value="scan.failed" checked', answer.text)


def test_a_webhook_that_is_not_there_is_not_found(browser: TestClient) -> None:
    assert browser.get(f"{HOOKS}/{uuid4()}").status_code == 404


def test_a_page_takes_as_many_statements_for_many_messages_as_for_one(
    browser: TestClient, receiver: Receiver
) -> None:
    from sqlalchemy import event

    from app.db import engine

    hook, _ = _register(browser, receiver.url)
    counts = []
    for more in (1, 12):
        for _ in range(more):
            _send(browser, f"{hook}/ping")
        _work(hook)
        seen: list[str] = []

        def note(
            _c: object, _k: object, statement: str, *_: object, seen: list[str] = seen
        ) -> None:
            seen.append(statement)

        event.listen(engine(), "before_cursor_execute", note)
        try:
            assert browser.get(hook).status_code == 200
        finally:
            event.remove(engine(), "before_cursor_execute", note)
        counts.append(len(seen))
    assert counts[0] == counts[1]
