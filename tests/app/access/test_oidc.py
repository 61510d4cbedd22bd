"""Signing in through a provider, which runs beside the tests as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import text

from app.access.guards import COOKIE
from tests.app.access.oidc_provider import CLIENT_ID, CLIENT_SECRET
from tests.app.dashboard.steps import browser_of
from tests.support import LAB, make_key, make_person

ADA: dict[str, Any] = {
    "sub": "248289761001",
    "email": "Ada@example.com",
    "email_verified": True,
    "name": "Ada Lovelace",
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.access.oidc_provider"],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def provided(
    anonymous: TestClient, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """The application with the provider set, and an admin's key."""
    from app.settings import settings

    monkeypatch.setenv("CLEANTRACE_OIDC_ISSUER", issuer)
    monkeypatch.setenv("CLEANTRACE_OIDC_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("CLEANTRACE_OIDC_CLIENT_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("CLEANTRACE_OIDC_DOMAINS", "example.org, uni.example")
    monkeypatch.setenv("CLEANTRACE_OIDC_PROJECT", "lab")
    monkeypatch.setenv("CLEANTRACE_OIDC_NAME", "Example ID")
    settings.cache_clear()
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    yield anonymous
    monkeypatch.undo()
    settings.cache_clear()


def _leave(browser: TestClient, issuer: str, who: dict[str, Any], following: str = "/") -> str:
    """Go to the provider; returns the address that it sends the browser back to."""
    httpx.post(f"{issuer}/next", json=who, trust_env=False)
    left = browser.get("/sign-in/oidc", params={"next": following})
    assert left.status_code == 303, left.text
    back = httpx.get(left.headers["Location"], trust_env=False)
    url = urlsplit(back.headers["Location"])
    return f"{url.path}?{url.query}"


def _sign_in(
    browser: TestClient, issuer: str, who: dict[str, Any], following: str = "/"
) -> Response:
    return browser.get(_leave(browser, issuer, who, following))


def _people(admin: TestClient) -> list[tuple[str, str, str]]:
    items = admin.get(f"{LAB}/people").json()["items"]
    return [(item["name"], item["email"], item["role"]) for item in items]


def test_an_invited_address_comes_in_and_is_known_afterwards(
    provided: TestClient, issuer: str
) -> None:
    provided.post(f"{LAB}/invitations", json={"role": "engineer", "email": "ada@example.com"})
    browser = browser_of(provided)
    assert "Sign in with Example ID" in browser.get("/sign-in").text
    answer = _sign_in(browser, issuer, ADA, "/projects/lab/datasets")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/projects/lab/datasets")
    assert browser.get("/projects/lab/datasets").status_code == 200
    assert _people(provided) == [("Ada Lovelace", "ada@example.com", "engineer")]
    assert provided.get(f"{LAB}/invitations").json()["items"] == []
    # The subject is the identity: the address may change there, and need not be told again.
    changed = {"sub": ADA["sub"], "email": "countess@example.com", "email_verified": False}
    assert _sign_in(browser_of(provided), issuer, changed).status_code == 303
    assert len(_people(provided)) == 1


def test_the_link_of_an_invitation_lets_in_whoever_holds_it(
    provided: TestClient, issuer: str
) -> None:
    made = provided.post(f"{LAB}/invitations", json={"role": "reviewer"}).json()
    link = urlsplit(made["url"]).path
    browser = browser_of(provided)
    assert "Join with Example ID" in browser.get(link).text
    assert _sign_in(browser, issuer, ADA, link).headers["Location"] == "/"
    assert browser.get("/").headers["Location"] == "/projects/lab/queues"
    assert _people(provided) == [("Ada Lovelace", "ada@example.com", "reviewer")]
    refused = _sign_in(
        browser_of(provided), issuer, ADA | {"sub": "2", "email": "e@f.example"}, link
    )
    assert refused.status_code == 403


def test_an_allowed_domain_comes_in_with_the_default_role(
    provided: TestClient, issuer: str
) -> None:
    who = ADA | {"email": "ada@uni.example", "name": ""}
    assert _sign_in(browser_of(provided), issuer, who).status_code == 303
    assert _people(provided) == [("ada", "ada@uni.example", "viewer")]


@pytest.mark.parametrize(
    "who",
    [
        ADA,
        ADA | {"email": "ada@evil-uni.example"},
        ADA | {"email": "ada@uni.example.evil.example"},
        ADA | {"email": "ada@uni.example", "email_verified": False},
        ADA | {"email": "ada@uni.example", "email_verified": None},
        ADA | {"email": "ada@evil.example@uni.example"},
        {"sub": "1", "name": "no address"},
    ],
)
def test_nobody_else_comes_in(provided: TestClient, issuer: str, who: dict[str, Any]) -> None:
    browser = browser_of(provided)
    answer = _sign_in(browser, issuer, who)
    assert answer.status_code == 403, answer.text
    assert COOKIE not in browser.cookies
    assert _people(provided) == []


def test_an_address_that_only_userinfo_tells_counts_if_it_is_the_same_persons(
    provided: TestClient, issuer: str
) -> None:
    told = {"sub": "7", "email": "ada@uni.example", "email_verified": True, "name": "Ada"}
    assert _sign_in(browser_of(provided), issuer, {"sub": "8", "userinfo": told}).status_code == 403
    assert _sign_in(browser_of(provided), issuer, {"sub": "7", "userinfo": told}).status_code == 303


@pytest.mark.parametrize(
    "fault",
    [
        "nonce", "no nonce", "audience", "issuer", "expired", "key", "secret as key", "unsigned",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_valid_signs_nobody_in(
    provided: TestClient, issuer: str, fault: str
) -> None:
    provided.post(f"{LAB}/invitations", json={"email": "ada@example.com"})
    browser = browser_of(provided)
    answer = _sign_in(browser, issuer, ADA | {"fault": fault})
    assert (answer.status_code, "not valid" in answer.text) == (403, True)
    assert COOKIE not in browser.cookies
    assert _people(provided) == []


def test_a_provider_that_describes_itself_as_another_is_refused(
    provided: TestClient, issuer: str
) -> None:
    httpx.post(f"{issuer}/next", json={"fault": "issuer document"}, trust_env=False)
    answer = browser_of(provided).get("/sign-in/oidc")
    assert (answer.status_code, "describes itself as another" in answer.text) == (502, True)


def test_a_provider_that_does_not_answer_is_told(
    provided: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.settings import settings

    monkeypatch.setenv("CLEANTRACE_OIDC_ISSUER", "http://127.0.0.1:9")
    settings.cache_clear()
    answer = browser_of(provided).get("/sign-in/oidc")
    assert (answer.status_code, "does not answer" in answer.text) == (502, True)


def test_only_the_browser_that_left_comes_back_and_once(provided: TestClient, issuer: str) -> None:
    provided.post(f"{LAB}/invitations", json={"email": "ada@example.com"})
    attacker, victim = browser_of(provided), browser_of(provided)
    back = _leave(attacker, issuer, ADA)
    # The victim would be signed in as the attacker.
    for browser in (victim, browser_of(provided)):
        assert browser.get(back).status_code == 403
        assert COOKIE not in browser.cookies
    _leave(victim, issuer, ADA)
    assert victim.get(back).status_code == 403
    back = _leave(attacker, issuer, ADA)
    kept = dict(attacker.cookies)
    assert attacker.get(back).status_code == 303
    replay = browser_of(provided)
    replay.cookies.update(kept)
    assert replay.get(back).status_code == 403


def test_a_code_cannot_be_put_into_another_flow(provided: TestClient, issuer: str) -> None:
    """PKCE: a stolen code is worth nothing without the verifier of its own flow."""
    provided.post(f"{LAB}/invitations", json={"email": "ada@example.com"})
    stolen = parse_qs(urlsplit(_leave(browser_of(provided), issuer, ADA)).query)["code"][0]
    thief = browser_of(provided)
    own = parse_qs(urlsplit(_leave(thief, issuer, ADA)).query)
    answer = thief.get("/sign-in/oidc/callback", params={"code": stolen, "state": own["state"][0]})
    assert answer.status_code == 403
    assert COOKIE not in thief.cookies


def test_an_address_that_somebody_typed_is_not_taken_over(
    provided: TestClient, issuer: str
) -> None:
    """Whoever made an account with Ada's address must not share it with her."""
    password = "bridge lantern otter"
    make_person("lab", email="ada@example.com", password=password)
    refused = _sign_in(browser_of(provided), issuer, ADA)
    assert (refused.status_code, "not connected" in refused.text) == (403, True)
    hers = browser_of(provided)
    sent = {"email": "ada@example.com", "password": password}
    assert hers.post("/sign-in/password", data=sent).status_code == 303
    assert _sign_in(hers, issuer, ADA).status_code == 303
    assert _sign_in(browser_of(provided), issuer, ADA).status_code == 303
    assert len(_people(provided)) == 1


def test_an_address_that_an_admin_named_is_connected(provided: TestClient, issuer: str) -> None:
    made = provided.post(f"{LAB}/invitations", json={"email": "ada@example.com"}).json()
    sent = {"name": "Ada", "email": "ada@example.com", "password": "bridge lantern otter"}
    browser_of(provided).post(urlsplit(made["url"]).path, data=sent)
    assert _sign_in(browser_of(provided), issuer, ADA).status_code == 303
    assert _people(provided) == [("Ada", "ada@example.com", "reviewer")]


def test_signing_in_gives_the_browser_a_new_session(provided: TestClient, issuer: str) -> None:
    provided.post(f"{LAB}/invitations", json={"email": "ada@example.com"})
    browser = browser_of(provided)
    browser.cookies.set(COOKIE, "planted")
    _sign_in(browser, issuer, ADA)
    assert "planted" not in [cookie.value for cookie in browser.cookies.jar if cookie.domain]


@pytest.mark.parametrize("path", ["/sign-in/oidc", "/sign-in/oidc/callback?code=x&state=y"])
def test_without_a_provider_there_is_no_way_there(anonymous: TestClient, path: str) -> None:
    assert browser_of(anonymous).get(path).status_code == 404
    assert "Example ID" not in browser_of(anonymous).get("/sign-in").text


def test_a_refusal_by_the_provider_is_told(provided: TestClient) -> None:
    answer = browser_of(provided).get(
        "/sign-in/oidc/callback", params={"error": "access_denied", "state": "x"}
    )
    assert (answer.status_code, "did not let you in" in answer.text) == (403, True)


def test_browsers_that_never_come_back_leave_nothing(provided: TestClient, issuer: str) -> None:
    from app.db import reading, transaction

    for _ in range(3):
        _leave(browser_of(provided), issuer, ADA)
    with transaction() as db:
        db.execute(text("UPDATE oidc_flows SET expires_at = now() - interval '1 s'"))
    back = _leave(browser_of(provided), issuer, ADA)
    assert back
    with reading() as db:
        assert db.execute(text("SELECT count(*) FROM oidc_flows")).scalar_one() == 1
