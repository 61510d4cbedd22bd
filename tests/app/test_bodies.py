"""Bodies that are too large, and bodies that are no bodies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.bodies import FORM, STRANGER
from tests.app.dashboard.steps import browser_of, csrf_token, person_signed_in
from tests.support import LAB


def _in_pieces(size: int) -> Iterator[bytes]:
    """Sent in chunks, so that no header tells the length."""
    for _ in range(size // 1024 + 1):
        yield b"x" * 1024


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/password", f"{LAB}/datasets"])
def test_a_stranger_sends_little(anonymous: TestClient, path: str) -> None:
    stranger = browser_of(anonymous)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content in (b"a=" + b"x" * STRANGER, _in_pieces(STRANGER)):
        answer = stranger.post(path, content=content, headers=form)
        assert (answer.status_code, answer.json()["title"]) == (413, "Body too large")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "X-Content-Type-Options" in answer.headers
    assert stranger.post(path, content=b"a=" + b"x" * 1000, headers=form).status_code == 401


def test_a_form_is_small_and_an_api_body_may_be_large(
    anonymous: TestClient, api: TestClient
) -> None:
    browser = person_signed_in(anonymous, "admin")
    browser.headers.pop("Authorization", None)
    large = browser.post("/account/profile", data={"name": "x" * FORM})
    assert large.status_code == 413
    taken = api.post(f"{LAB}/datasets", content=b'{"name": "' + b"x" * FORM + b'"}')
    assert taken.status_code == 422


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b'{"role": {"$ne": 1}}', b"\xff\xfe", b"[" * 5000],
)
@pytest.mark.parametrize("path", ["/invitations", "/keys", "/datasets"])
def test_a_body_that_is_none_is_refused_by_name(
    anonymous: TestClient, path: str, content: bytes
) -> None:
    from tests.support import make_key

    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    answer = anonymous.post(
        LAB + path, content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


FORMS = {
    "/sign-in": ["api_key", "next"],
    "/sign-in/password": ["email", "password", "next"],
    "/invitations/x": ["name", "email", "password"],
    "/account/profile": ["name", "email"],
    "/account/password": ["current_password", "password"],
    "/account/project": ["project"],
    "/projects/lab/people/invite": ["role", "email", "days"],
    "/projects/lab/keys": ["name", "role", "read_only", "days"],
}


@pytest.mark.parametrize(
    "value", ["%00", "a%00b@c.example", "%ff", "%ed%a0%80", "%F0%9F%98%80", "-1"]
)
@pytest.mark.parametrize("path", list(FORMS))
def test_no_letter_in_a_form_is_an_error_of_ours(
    anonymous: TestClient, path: str, value: str
) -> None:
    browser = person_signed_in(anonymous, "admin")
    token = csrf_token(browser.get("/account").text)
    for odd in FORMS[path]:
        fields = {"name": "Ada", "email": "ada@example.com", "csrf_token": token} | {odd: value}
        content = "&".join(f"{name}={text}" for name, text in fields.items())
        answer = browser.post(
            path, content=content, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code < 500, (odd, answer.text)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_form_that_is_none_is_no_error_of_ours(
    anonymous: TestClient, application: FastAPI, kind: str
) -> None:
    for path in ("/sign-in", "/sign-in/password", "/invitations/x"):
        answer = browser_of(anonymous).post(
            path, content=b"--x\r\nbroken", headers={"Content-Type": kind}
        )
        assert 400 <= answer.status_code < 500, (path, answer.text)
