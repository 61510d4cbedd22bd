"""Signing in and out of the dashboard."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from app.access.answers import local_path
from app.access.guards import COOKIE
from tests.app.dashboard.steps import browser_of, csrf_token, signed_in
from tests.support import make_key

SCANS = "/projects/lab/scans"


@pytest.fixture
def browser(anonymous: TestClient) -> TestClient:
    make_key("lab")
    return browser_of(anonymous)


def test_a_page_asked_for_without_a_session_comes_after_signing_in(browser: TestClient) -> None:
    asked = f"{SCANS}?dataset={uuid4()}&after=x"
    first = browser.get(asked)
    assert first.status_code == 303
    assert urlsplit(first.headers["Location"]).path == "/sign-in"
    following = parse_qs(urlsplit(first.headers["Location"]).query)["next"][0]
    assert following == asked
    page = browser.get(first.headers["Location"])
    assert "API key" in page.text
    answer = browser.post("/sign-in", data={"api_key": make_key("lab"), "next": following})
    assert answer.headers["Location"] == asked


def test_the_cookie_is_for_this_site_and_not_for_scripts(browser: TestClient) -> None:
    answer = browser.post("/sign-in", data={"api_key": f" {make_key('lab')}\n"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert "secure" not in attributes  # the public URL of the tests is plain http


def test_the_cookie_is_secure_where_the_public_url_is(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.settings import settings

    monkeypatch.setenv("CLEANTRACE_PUBLIC_URL", "https://cleantrace.example.com")
    settings.cache_clear()
    try:
        answer = browser.post("/sign-in", data={"api_key": make_key("lab")})
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert "secure" in answer.headers["Set-Cookie"].lower()


def test_a_wrong_key_is_told_on_the_page_with_the_remedy(browser: TestClient) -> None:
    for key in ("", "ct_wrong", "ключ"):
        answer = browser.post("/sign-in", data={"api_key": key, "next": SCANS})
        assert answer.status_code == 401
        assert "unknown, expired or revoked" in answer.text
        assert "cleantrace keys create" in answer.text
        assert f'value="{SCANS}"' in answer.text
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/\n/evil.example",
        "//[broken",
        "",
        None,
    ],
)
def test_signing_in_never_leads_to_another_site(elsewhere: str | None) -> None:
    assert local_path(elsewhere) is None


def test_the_form_does_not_carry_another_site_either(browser: TestClient) -> None:
    page = browser.get("/sign-in", params={"next": "//evil.example"})
    assert "evil" not in page.text
    answer = browser.post(
        "/sign-in", data={"api_key": make_key("lab"), "next": "https://evil.example"}
    )
    assert answer.headers["Location"] == "/"


def test_another_site_cannot_sign_a_visitor_in(browser: TestClient) -> None:
    answer = browser.post(
        "/sign-in",
        data={"api_key": make_key("lab")},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_link_signs_in_once(browser: TestClient) -> None:
    from app.access import people
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        link = people.create_sign_in_link(db, ensure_project(db, "lab"))
    answer = browser.get(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert browser.get("/").headers["Location"] == "/projects/lab"
    assert browser.get(SCANS).status_code == 200
    again = browser_of(browser).get(link)
    assert again.status_code == 410
    assert "used before" in again.text
    assert "Set-Cookie" not in again.headers


def test_signing_out_ends_the_session_itself(browser: TestClient) -> None:
    browser = signed_in(browser)
    page = browser.get(SCANS).text
    cookie = browser.cookies[COOKIE]
    answer = browser.post("/sign-out", data={"csrf_token": csrf_token(page)})
    assert answer.headers["Location"] == "/sign-in"
    assert COOKIE not in browser.cookies
    browser.cookies.set(COOKIE, cookie)  # whoever kept a copy
    assert browser.get(SCANS).status_code == 303


def test_signing_out_needs_the_token_of_the_session(browser: TestClient) -> None:
    browser = signed_in(browser)
    other = csrf_token(signed_in(browser).get(SCANS).text)
    for token in ("", "wrong", "ü", other):
        assert browser.post("/sign-out", data={"csrf_token": token}).status_code == 403
    assert browser.get(SCANS).status_code == 200


def test_a_session_ends_with_the_key_it_began_with(browser: TestClient) -> None:
    from sqlalchemy import text

    from app.db import transaction

    browser = signed_in(browser)
    assert browser.get(SCANS).status_code == 200
    with transaction() as db:
        db.execute(text("UPDATE api_keys SET revoked_at = now()"))
    assert browser.get(SCANS).status_code == 303
