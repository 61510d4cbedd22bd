"""Joining by a link."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import text

from app.access.guards import COOKIE
from tests.app.dashboard.steps import browser_of, csrf_token, person_signed_in
from tests.support import LAB, begin_session, make_key, make_person

PASSWORD = "bridge lantern otter"


@pytest.fixture
def admin(anonymous: TestClient) -> TestClient:
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    return anonymous


def _invite(admin: TestClient, **body: Any) -> str:
    """The path of a new invitation's link."""
    answer = admin.post(f"{LAB}/invitations", json=body)
    assert answer.status_code == 201, answer.text
    return urlsplit(answer.json()["url"]).path


def _join(browser: TestClient, link: str, **changes: str) -> Response:
    sent = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD} | changes
    return browser.post(link, data=sent)


def test_an_invited_person_is_in_the_project_at_once(admin: TestClient) -> None:
    link = _invite(admin, role="reviewer")
    browser = browser_of(admin)
    page = browser.get(link)
    assert page.status_code == 200
    assert "Join lab" in page.text
    assert "invites you as reviewer" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    answer = _join(browser, link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/projects/lab/queues")
    assert browser.get("/projects/lab/scans").status_code == 200
    assert browser.get(f"{LAB}/me").json()["role"] == "reviewer"
    person = admin.get(f"{LAB}/people").json()["items"][0]
    assert (person["name"], person["email"], person["role"]) == (
        "Ada",
        "ada@example.com",
        "reviewer",
    )
    again = browser_of(admin).post(
        "/sign-in/password", data={"email": "ada@example.com", "password": PASSWORD}
    )
    assert again.status_code == 303


def test_a_link_replayed_is_refused(admin: TestClient) -> None:
    link = _invite(admin)
    assert _join(browser_of(admin), link).status_code == 303
    other = browser_of(admin)
    assert other.get(link).status_code == 410
    replayed = _join(other, link, email="eve@example.com")
    assert (replayed.status_code, "used before" in replayed.text) == (410, True)
    assert "Set-Cookie" not in replayed.headers
    assert len(admin.get(f"{LAB}/people").json()["items"]) == 1


def test_a_link_used_at_the_same_moment_lets_one_in(admin: TestClient) -> None:
    link = _invite(admin)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(
            pool.map(
                lambda n: _join(browser_of(admin), link, email=f"p{n}@example.com").status_code,
                range(4),
            )
        )
    assert sorted(statuses) == [303, 410, 410, 410]
    assert len(admin.get(f"{LAB}/people").json()["items"]) == 1


@pytest.mark.parametrize("state", ["revoked", "expired", "unknown"])
def test_a_link_that_ended_is_refused(admin: TestClient, state: str) -> None:
    from app.db import transaction

    link = _invite(admin)
    if state == "revoked":
        (waiting,) = admin.get(f"{LAB}/invitations").json()["items"]
        assert admin.delete(f"{LAB}/invitations/{waiting['id']}").status_code == 204
        assert admin.delete(f"{LAB}/invitations/{waiting['id']}").status_code == 404
    elif state == "expired":
        with transaction() as db:
            db.execute(text("UPDATE invitations SET expires_at = now() - interval '1 s'"))
    else:
        link = "/invitations/nothing-of-the-kind"
    assert admin.get(f"{LAB}/invitations").json()["items"] == [] or state == "unknown"
    browser = browser_of(admin)
    assert browser.get(link).status_code == 410
    assert _join(browser, link).status_code == 410


def test_a_link_for_an_address_is_for_that_address(admin: TestClient) -> None:
    link = _invite(admin, role="admin", email=" Ada@Example.com ")
    browser = browser_of(admin)
    assert 'value="ada@example.com"' in browser.get(link).text
    refused = _join(browser, link, email="eve@example.com")
    assert (refused.status_code, "another e-mail address" in refused.text) == (403, True)
    assert _join(browser, link, email="ADA@example.com").status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", " ", "A name has"),
        ("email", "nowhere", "not an e-mail address"),
        ("email", "taken@example.com", "belongs to another account"),
        ("password", "short", "10 to 200 characters"),
    ],
)
def test_what_is_not_accepted_is_told_and_uses_nothing_up(
    admin: TestClient, field: str, value: str, told: str
) -> None:
    make_person("other", email="taken@example.com")
    link, browser = _invite(admin), browser_of(admin)
    refused = _join(browser, link, **{field: value})
    assert (refused.status_code, told in refused.text) == (422, True)
    assert PASSWORD not in refused.text
    assert _join(browser, link).status_code == 303


def test_a_person_who_is_signed_in_joins_with_their_account(admin: TestClient) -> None:
    ada = make_person("other", "engineer", email="ada@example.com")
    browser = browser_of(admin)
    browser.cookies.set(COOKIE, begin_session(ada, "other"))
    link = _invite(admin, role="viewer")
    page = browser.get(link).text
    assert "Join as Ada" in page
    assert browser.post(f"{link}/join", data={"csrf_token": "wrong"}).status_code == 403
    answer = browser.post(f"{link}/join", data={"csrf_token": csrf_token(page)})
    assert answer.headers["Location"] == "/projects/lab"
    assert browser.get(f"{LAB}/me").json()["role"] == "viewer"
    assert browser.get("/projects/other/scans").status_code == 200


def test_a_member_keeps_the_higher_role(admin: TestClient) -> None:
    for role, expected in (("viewer", "engineer"), ("admin", "admin")):
        browser = person_signed_in(admin, "engineer", name=role)
        link = _invite(admin, role=role)
        token = csrf_token(browser.get(link).text)
        assert browser.post(f"{link}/join", data={"csrf_token": token}).status_code == 303
        assert browser.get(f"{LAB}/me").json()["role"] == expected


def test_another_site_cannot_make_somebody_join(admin: TestClient) -> None:
    link = _invite(admin)
    answer = browser_of(admin).post(
        link,
        data={"name": "Ada", "email": "ada@example.com", "password": PASSWORD},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


def test_links_are_stored_hashed(admin: TestClient) -> None:
    from app.db import reading

    secret = _invite(admin).rpartition("/")[2]
    with reading() as db:
        for table in ("invitations", "audit_entries", "idempotent_requests"):
            assert secret not in str(db.execute(text(f"SELECT * FROM {table}")).all())


def test_an_admin_invites_on_the_page_and_withdraws(anonymous: TestClient) -> None:
    browser = person_signed_in(anonymous, "admin", name="Grace")
    people = "/projects/lab/people"
    token = csrf_token(browser.get(people).text)
    made = browser.post(
        f"{people}/invite", data={"csrf_token": token, "role": "viewer", "email": "a@b.example"}
    )
    assert made.status_code == 200
    link = re.search(r'value="http://[^"]+(/invitations/[^"]+)"', made.text)
    assert link is not None
    assert "Grace invites you as viewer" in browser_of(anonymous).get(link[1]).text
    page = browser.get(people).text
    assert link[1] not in page
    revoke = re.search(r'action="(/projects/lab/invitations/[^"]+/revoke)"', page)
    assert revoke is not None
    assert browser.post(revoke[1], data={"csrf_token": token}).status_code == 303
    assert browser_of(anonymous).get(link[1]).status_code == 410
    wrong = browser.post(f"{people}/invite", data={"csrf_token": token, "email": "nowhere"})
    assert (wrong.status_code, "not an e-mail address" in wrong.text) == (422, True)
