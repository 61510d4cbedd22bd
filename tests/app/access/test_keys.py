"""API keys: their scopes, how they are made and stored, and when they end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.app.dashboard.steps import browser_of, csrf_token, person_signed_in
from tests.support import LAB, blobs_body, make_key, save_blobs

KEYS = f"{LAB}/keys"


@pytest.fixture
def admin(anonymous: TestClient) -> TestClient:
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    return anonymous


def _make(admin: TestClient, **body: Any) -> dict[str, Any]:
    answer = admin.post(KEYS, json={"name": "job"} | body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def _with(client: TestClient, key: str) -> TestClient:
    other = browser_of(client)
    other.headers["Authorization"] = f"Bearer {key}"
    return other


def test_a_key_is_made_listed_used_and_revoked(admin: TestClient) -> None:
    made = _make(admin, name="nightly", role="viewer", days=30)
    assert made["key"].startswith("ct_")
    job = _with(admin, made["key"])
    listed = {key["id"]: key for key in admin.get(KEYS).json()["items"]}[made["id"]]
    assert (listed["name"], listed["role"], listed["last_used_at"]) == ("nightly", "viewer", None)
    assert "key" not in listed
    assert job.get(f"{LAB}/me").json()["principal_id"] == made["id"]
    used = {key["id"]: key for key in admin.get(KEYS).json()["items"]}[made["id"]]
    assert used["last_used_at"] is not None
    assert job.get(f"{LAB}/me").status_code == 200
    assert admin.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert job.get(f"{LAB}/me").status_code == 401
    assert admin.delete(f"{KEYS}/{made['id']}").status_code == 404
    assert made["id"] not in admin.get(KEYS).text


def test_a_use_is_noted_once_a_minute_only(admin: TestClient) -> None:
    from app.db import reading, transaction

    def noted() -> Any:
        with reading() as db:
            return db.execute(text("SELECT last_used_at FROM api_keys")).scalar_one()

    admin.get(f"{LAB}/me")
    first = noted()
    admin.get(f"{LAB}/me")
    assert noted() == first
    with transaction() as db:
        db.execute(text("UPDATE api_keys SET last_used_at = now() - interval '61 s'"))
    admin.get(f"{LAB}/me")
    assert noted() > first


def test_a_key_for_reading_sees_what_its_role_sees_and_changes_nothing(
    admin: TestClient, data_dir: Path
) -> None:
    reader = _with(admin, _make(admin, role="admin", read_only=True)["key"])
    assert reader.get(f"{LAB}/people").status_code == 200
    body = blobs_body(save_blobs(data_dir))
    for answer in (
        reader.post(f"{LAB}/datasets", json=body),
        reader.post(KEYS, json={"name": "more"}),
        reader.delete(f"{KEYS}/{admin.get(KEYS).json()['items'][0]['id']}"),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "This key is for reading only.",
        )
    assert reader.get(f"{LAB}/datasets").json()["items"] == []


def test_a_browser_signed_in_with_a_key_for_reading_changes_nothing_either(
    admin: TestClient,
) -> None:
    browser = browser_of(admin)
    key = _make(admin, role="admin", read_only=True)["key"]
    assert browser.post("/sign-in", data={"api_key": key}).status_code == 303
    token = csrf_token(browser.get("/projects/lab/people").text)
    form = browser.post("/projects/lab/people/invite", data={"csrf_token": token})
    assert (form.status_code, "reading only" in form.text) == (403, True)
    script = browser.post(KEYS, json={"name": "x"}, headers={"X-CSRF-Token": token})
    assert (script.status_code, "reading only" in script.text) == (403, True)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"role": "owner"}, {"days": 0}, {"days": 10**6}, {"scope": "all"}]
)
def test_a_key_that_makes_no_sense_is_refused(admin: TestClient, wrong: dict[str, Any]) -> None:
    answer = admin.post(KEYS, json={"name": "job"} | wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(wrong))


def test_a_key_past_its_life_is_refused(admin: TestClient) -> None:
    from app.db import transaction

    job = _with(admin, _make(admin, days=1)["key"])
    assert job.get(f"{LAB}/datasets").status_code == 200
    with transaction() as db:
        db.execute(text("UPDATE api_keys SET expires_at = expires_at - interval '1 day'"))
    assert job.get(f"{LAB}/datasets").status_code == 401


def test_keys_are_stored_hashed(admin: TestClient) -> None:
    from app.db import reading

    key = _make(admin)["key"]
    with reading() as db:
        for table in ("api_keys", "principals", "audit_entries", "idempotent_requests"):
            stored = str(db.execute(text(f"SELECT * FROM {table}")).all())
            assert key not in stored
            assert key.removeprefix("ct_") not in stored


def test_keys_of_another_project_are_out_of_reach(admin: TestClient) -> None:
    made = _make(admin)
    other = _with(admin, make_key("other", role="admin"))
    assert other.delete(f"/api/v1/projects/other/keys/{made['id']}").status_code == 404
    assert _with(admin, made["key"]).get(f"{LAB}/me").status_code == 200


def test_an_admin_makes_and_revokes_keys_on_the_page(anonymous: TestClient) -> None:
    browser = person_signed_in(anonymous, "admin", name="Grace")
    page = "/projects/lab/keys"
    token = csrf_token(browser.get(page).text)
    sent = {"csrf_token": token, "name": "<b>ci</b>", "role": "viewer", "days": "0"}
    made = browser.post(page, data=sent)
    key = re.search(r'value="(ct_[^"]+)"', made.text)
    assert key is not None
    assert _with(anonymous, key[1]).get(f"{LAB}/me").json()["name"] == "<b>ci</b>"
    listed = browser.get(page).text
    assert key[1] not in listed
    assert "&lt;b&gt;ci" in listed
    assert "by Grace" in listed
    revoke = re.search(r'action="(/projects/lab/keys/[^"]+/revoke)"', listed)
    assert revoke is not None
    assert browser.post(revoke[1], data={"csrf_token": token}).status_code == 303
    assert _with(anonymous, key[1]).get(f"{LAB}/me").status_code == 401
