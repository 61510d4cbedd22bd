"""Registering webhooks, their secrets, who may, and what the log keeps of it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.app.webhooks.conftest import Hook, happen, pass_time
from tests.app.webhooks.receiver import Receiver
from tests.support import LAB, get, make_key, post

URL = "https://example.com/hook"
HOOKS = f"{LAB}/webhooks"


def test_a_webhook_is_registered_listed_changed_and_deleted(admin: TestClient) -> None:
    made = post(admin, "/webhooks", {"url": URL, "events": ["scan.failed", "scan.complete"]})
    assert made["url"] == URL
    assert made["events"] == ["scan.complete", "scan.failed"]
    assert (made["status"], made["created_by"]) == ("active", "test")
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert get(admin, "/webhooks") == {"items": [shown], "next": None}
    one = f"{HOOKS}/{made['id']}"
    changed = admin.patch(one, json={"events": "all", "status": "paused"}).json()
    assert (changed["url"], changed["events"], changed["status"]) == (URL, "all", "paused")
    assert changed["paused_because"] == "asked"
    changed = admin.patch(one, json={"url": f"{URL}/2", "status": "active"}).json()
    assert (changed["url"], changed["events"], changed["status"]) == (f"{URL}/2", "all", "active")
    assert (changed["paused_because"], changed["paused_at"]) == (None, None)
    assert admin.delete(one).status_code == 204
    for answer in (admin.delete(one), admin.get(one), admin.patch(one, json={})):
        assert (answer.status_code, answer.json()["title"]) == (404, "Webhook not found")
    happen()  # nobody is left to be told
    actions = [entry["action"] for entry in get(admin, "/log")["items"]]
    assert actions[:6] == [
        "delete_webhook",
        "resume_webhook",
        "change_webhook",
        "pause_webhook",
        "change_webhook",
        "create_webhook",
    ]


def test_the_secret_is_told_once_and_kept_encrypted(admin: TestClient, receiver: Receiver) -> None:
    from app.db import reading

    hook = Hook(admin, receiver.url)
    hook.ping()
    hook.work()
    everywhere = [
        admin.get(path).text
        for path in (HOOKS, LAB + hook.path, f"{LAB}{hook.path}/deliveries", f"{LAB}/log")
    ]
    with reading() as db:
        everywhere.append(str(db.execute(text("SELECT * FROM webhook_endpoints")).all()))
    for shown in everywhere:
        assert hook.secret not in shown
        assert hook.secret.removeprefix("whsec_") not in shown
        assert "whsec_" not in shown


def test_after_a_rotation_both_secrets_sign_for_a_day(
    admin: TestClient, receiver: Receiver
) -> None:
    hook = Hook(admin, receiver.url)
    rotated = post(admin, f"{hook.path}/secret", status=200)
    assert rotated["secret"] != hook.secret
    assert rotated["previous_secret_until"] is not None
    signed = []
    for _ in range(2):
        hook.ping()
        hook.work()
        got = receiver.received[-1]
        signed.append((got.is_signed_with(rotated["secret"]), got.is_signed_with(hook.secret)))
        pass_time("25 hours")
    assert signed == [(True, True), (True, False)]


def test_with_new_keys_first_old_secrets_stay_readable_and_without_theirs_it_is_said(
    admin: TestClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.settings import settings

    hook = Hook(admin, receiver.url)
    old, new = settings().webhook_keys[0], "a-new-key-that-is-just-as-long-as-the-old"
    for keys, count in ((f"{new},{old}", 1), (new, 1)):
        monkeypatch.setenv("CLEANTRACE_WEBHOOK_KEYS", keys)
        settings.cache_clear()
        hook.ping()
        hook.work()
        assert len(receiver.received) == count
    problem = hook.deliveries()[0]["latest"]["problem"]
    assert "CLEANTRACE_WEBHOOK_KEYS" in problem
    fresh = post(admin, f"{hook.path}/secret", status=200)["secret"]
    pass_time("1 minute")
    hook.work()
    assert len(receiver.received) == 2
    assert receiver.received[1].is_signed_with(fresh)


def test_without_keys_there_are_no_webhooks(
    admin: TestClient, intranet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.settings import settings

    monkeypatch.delenv("CLEANTRACE_WEBHOOK_KEYS")
    settings.cache_clear()
    answer = admin.post(HOOKS, json={"url": URL})
    assert (answer.status_code, answer.json()["title"]) == (409, "Webhooks not set up")
    assert "CLEANTRACE_WEBHOOK_KEYS" in answer.json()["remedy"]


@pytest.mark.parametrize("role", ["viewer", "reviewer", "engineer"])
def test_only_admins_may_see_or_change_webhooks(admin: TestClient, role: str) -> None:
    hook = Hook(admin, URL)
    admin.headers["Authorization"] = f"Bearer {make_key('lab', role=role)}"
    for method, path in (
        ("GET", HOOKS),
        ("POST", HOOKS),
        ("GET", LAB + hook.path),
        ("PATCH", LAB + hook.path),
        ("DELETE", LAB + hook.path),
        ("POST", f"{LAB}{hook.path}/ping"),
        ("POST", f"{LAB}{hook.path}/secret"),
        ("GET", f"{LAB}{hook.path}/deliveries"),
    ):
        assert admin.request(method, path).status_code == 403, (method, path)


def test_another_projects_webhooks_are_not_there(admin: TestClient) -> None:
    hook = Hook(admin, URL)
    hook.ping()
    delivery = hook.deliveries()[0]["id"]
    admin.headers["Authorization"] = f"Bearer {make_key('other', role='admin')}"
    other = f"/api/v1/projects/other{hook.path}"
    for method, path in (
        ("GET", other),
        ("PATCH", other),
        ("DELETE", other),
        ("POST", f"{other}/ping"),
        ("POST", f"{other}/secret"),
        ("GET", f"{other}/deliveries"),
        ("GET", f"{other}/deliveries/{delivery}"),
        ("POST", f"{other}/deliveries/{delivery}/send-again"),
    ):
        answer = admin.request(method, path, json={} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["title"]) == (404, "Webhook not found"), path


def test_a_delivery_of_another_webhook_is_not_there(admin: TestClient) -> None:
    hook, other = Hook(admin, URL), Hook(admin, URL)
    hook.ping()
    delivery = hook.deliveries()[0]["id"]
    for method, path in (
        ("GET", f"{LAB}{other.path}/deliveries/{delivery}"),
        ("POST", f"{LAB}{other.path}/deliveries/{delivery}/send-again"),
        ("GET", f"{LAB}{hook.path}/deliveries/{uuid4()}"),
    ):
        answer = admin.request(method, path)
        assert (answer.status_code, answer.json()["title"]) == (404, "Delivery not found"), path


@pytest.mark.parametrize("events", [[], ["scan.begun"], ["ping"], "some", None])
def test_events_that_there_are_not_are_refused(admin: TestClient, events: object) -> None:
    answer = admin.post(HOOKS, json={"url": URL, "events": events})
    assert answer.status_code == 422, answer.text


def test_a_paused_webhook_is_not_tested(admin: TestClient) -> None:
    hook = Hook(admin, URL)
    hook.ping()
    hook.change(status="paused")
    delivery = hook.deliveries()[0]["id"]
    for path in ("ping", f"deliveries/{delivery}/send-again"):
        answer = admin.post(f"{LAB}{hook.path}/{path}")
        assert (answer.status_code, answer.json()["title"]) == (409, "Webhook paused")


def test_a_project_has_a_limited_number_of_webhooks(admin: TestClient) -> None:
    for _ in range(20):
        Hook(admin, URL)
    answer = admin.post(HOOKS, json={"url": URL})
    assert (answer.status_code, answer.json()["title"]) == (409, "Too many webhooks")


def test_deliveries_come_in_pages(admin: TestClient) -> None:
    hook = Hook(admin, URL)
    for count in range(5):
        happen(item_count=count)
    seen, after = [], None
    while True:
        params = {"limit": 2} | ({"after": after} if after else {})
        page = get(admin, f"{hook.path}/deliveries", **params)
        seen += [each["data"]["item_count"] for each in page["items"]]
        if (after := page["next"]) is None:
            break
    assert seen == [4, 3, 2, 1, 0]
    answer = admin.get(f"{LAB}{hook.path}/deliveries", params={"after": "nonsense"})
    assert answer.status_code == 422


def test_the_documents_ten_lines_know_our_messages_from_others(
    admin: TestClient, receiver: Receiver
) -> None:
    document = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
    code = document.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 14
    names: dict[str, object] = {}
    exec(code, names)
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    hook = Hook(admin, receiver.url)
    post(admin, f"{hook.path}/secret", status=200)  # so that two signatures come
    hook.ping()
    hook.work()
    [got] = receiver.received
    assert is_genuine(hook.secret, got.headers, got.body)
    assert not is_genuine(hook.secret, got.headers, got.body + b" ")
    assert not is_genuine(Hook(admin, receiver.url).secret, got.headers, got.body)
    old = got.headers | {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 400)}
    assert not is_genuine(hook.secret, old, got.body)


def test_the_document_names_every_event_and_what_it_carries() -> None:
    from app.webhooks.events import PAYLOAD_OF, Event, Ping

    document = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
    for name in [*Event, "ping"]:
        assert f"`{name}`" in document
    for payload in [*PAYLOAD_OF.values(), Ping]:
        for field in payload.model_fields:
            assert f"`{field}`" in document, (payload, field)
