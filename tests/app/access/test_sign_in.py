"""Signing in with a password: who gets in, what the others learn, how often they may try."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import text

from app.access import limits
from app.access.guards import COOKIE
from app.access.visitor import DEVICE_COOKIE
from tests.app.dashboard.steps import browser_of, csrf_token, signed_in
from tests.support import make_key, make_person

EMAIL, PASSWORD = "ada@example.com", "bridge lantern otter"
SCANS = "/projects/lab/scans"


@pytest.fixture
def browser(anonymous: TestClient) -> TestClient:
    make_person("lab", email=EMAIL, password=PASSWORD)
    return browser_of(anonymous)


def _sign_in(browser: TestClient, email: str = EMAIL, password: str = PASSWORD) -> Response:
    return browser.post("/sign-in/password", data={"email": email, "password": password})


def test_a_person_signs_in_and_comes_where_they_wanted(browser: TestClient) -> None:
    data = {"email": f"  {EMAIL.upper()} ", "password": PASSWORD, "next": f"{SCANS}?after=x"}
    answer = browser.post("/sign-in/password", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{SCANS}?after=x")
    for cookie in answer.headers.get_list("Set-Cookie"):
        assert {"httponly", "samesite=lax"} <= {part.strip().lower() for part in cookie.split(";")}
    assert browser.get(SCANS).status_code == 200


def test_an_unknown_account_is_answered_like_a_wrong_password(browser: TestClient) -> None:
    make_person("lab", email="nopassword@example.com")
    answers = [
        _sign_in(browser, EMAIL, "not the password"),
        _sign_in(browser, "nobody@example.com", "not the password"),
        _sign_in(browser, "nopassword@example.com", "not the password"),
        _sign_in(browser, "nopassword@example.com", ""),
    ]
    assert {answer.status_code for answer in answers} == {401}
    pages = {answer.text.replace(email, "X") for answer in answers for email in [_typed(answer)]}
    assert len(pages) == 1
    assert not any("set-cookie" in answer.headers for answer in answers)


def _typed(answer: Response) -> str:
    return answer.text.split('id="email" name="email" type="email" value="')[1].split('"')[0]


def test_an_unknown_account_takes_as_long_as_a_wrong_password(
    usual_cost: None, browser: TestClient
) -> None:
    def took(email: str) -> float:
        start = time.perf_counter()
        assert _sign_in(browser, email, "not the password").status_code == 401
        return time.perf_counter() - start

    took("warm@example.com")
    pairs = [(took(EMAIL), took("nobody@example.com")) for _ in range(7)]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))
    # Without the comparison an unknown account would take a tenth of the time.
    assert 0.5 < unknown / known < 2


def test_a_hash_of_older_cost_is_renewed_at_sign_in(browser: TestClient) -> None:
    from app.access import passwords
    from app.db import reading, transaction

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with transaction() as db:
        db.execute(text("UPDATE people SET password_hash = :weak"), {"weak": weak})
    assert _sign_in(browser).status_code == 303
    with reading() as db:
        stored = db.execute(text("SELECT password_hash FROM people")).scalar_one()
    assert stored != weak
    assert not passwords.is_outdated(stored)
    assert _sign_in(browser).status_code == 303


def test_a_session_planted_before_sign_in_opens_nothing(browser: TestClient) -> None:
    for planted in ("chosen-by-somebody-else", _sign_in(browser).cookies[COOKIE]):
        victim = browser_of(browser)
        victim.cookies.set(COOKIE, planted)
        new = _sign_in(victim).cookies[COOKIE]
        assert new != planted
        attacker = browser_of(browser)
        attacker.cookies.set(COOKIE, planted)
        assert attacker.get(SCANS).status_code == 303
        attacker.cookies.set(COOKIE, new)
        assert attacker.get(SCANS).status_code == 200


def test_signing_in_with_another_principal_ends_the_session_before(browser: TestClient) -> None:
    before = _sign_in(browser).cookies[COOKIE]
    browser.post("/sign-in", data={"api_key": make_key("lab")})
    other = browser_of(browser)
    other.cookies.set(COOKIE, before)
    assert other.get(SCANS).status_code == 303


def test_too_many_attempts_are_told_when_to_go_on(browser: TestClient) -> None:
    for _ in range(limits.ACCOUNT.attempts):
        assert _sign_in(browser, password="not the password").status_code == 401
    for email in (EMAIL, EMAIL.upper()):
        answer = _sign_in(browser, email)  # the right password is not even looked at
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= limits.ACCOUNT.refill.total_seconds()
        assert f"{answer.headers['Retry-After']} s" in answer.text
    assert _sign_in(browser, "another@example.com").status_code == 401
    _let_pass(limits.ACCOUNT.refill.total_seconds())
    assert _sign_in(browser).status_code == 303


def test_attempts_at_an_unknown_account_are_limited_alike(browser: TestClient) -> None:
    statuses = [
        _sign_in(browser, "nobody@example.com").status_code
        for _ in range(limits.ACCOUNT.attempts + 1)
    ]
    assert statuses == [401] * limits.ACCOUNT.attempts + [429]


def test_attempts_at_the_same_moment_share_none(browser: TestClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda _: _sign_in(browser_of(browser), password="no").status_code,
                range(limits.ACCOUNT.attempts + 6),
            )
        )
    assert sorted(found) == [401] * limits.ACCOUNT.attempts + [429] * 6


def test_others_cannot_lock_a_known_browser_out(browser: TestClient) -> None:
    assert _sign_in(browser).status_code == 303
    token = csrf_token(browser.get(SCANS).text)
    browser.post("/sign-out", data={"csrf_token": token})
    assert DEVICE_COOKIE in browser.cookies
    attacker = browser_of(browser)
    while _sign_in(attacker, password="guess").status_code == 401:
        pass
    assert _sign_in(browser_of(browser)).status_code == 429
    assert _sign_in(browser).status_code == 303
    # A device's own cookie opens no second bucket for another's account.
    attacker.cookies.set(DEVICE_COOKIE, "made-up")
    assert _sign_in(attacker).status_code == 429


def test_successes_do_not_count(browser: TestClient) -> None:
    for _ in range(limits.ACCOUNT.attempts + 3):
        assert _sign_in(browser_of(browser)).status_code == 303


def test_keys_are_limited_by_address(browser: TestClient) -> None:
    for _ in range(limits.ADDRESS.attempts):
        assert browser.post("/sign-in", data={"api_key": "ct_no"}).status_code == 401
    answer = browser.post("/sign-in", data={"api_key": make_key("lab")})
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
    _let_pass(limits.ADDRESS.refill.total_seconds())
    assert browser.post("/sign-in", data={"api_key": make_key("lab")}).status_code == 303


def test_buckets_that_are_full_again_are_dropped(browser: TestClient) -> None:
    from app.db import reading

    for name in ("a", "b", "c"):
        _sign_in(browser, f"{name}@example.com")
    _let_pass(3600)
    _sign_in(browser, "d@example.com")
    with reading() as db:
        assert db.execute(text("SELECT count(*) FROM sign_in_limits")).scalar_one() == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver"}, 303),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, 303),
    ],
)
def test_another_site_cannot_sign_a_visitor_in_with_a_password(
    browser: TestClient, headers: dict[str, str], status: int
) -> None:
    sent = {"email": EMAIL, "password": PASSWORD}
    answer = browser.post("/sign-in/password", data=sent, headers=headers)
    assert answer.status_code == status
    assert ("Set-Cookie" in answer.headers) == (status == 303)


def test_a_password_too_long_to_be_one_is_refused_at_once(browser: TestClient) -> None:
    assert _sign_in(browser, password="x" * 10_001).status_code == 422
    assert _sign_in(browser, password="x" * 9_000).status_code == 401


def _let_pass(seconds: float) -> None:
    """Move all buckets into the past, as waiting would."""
    from app.db import transaction

    with transaction() as db:
        db.execute(
            text("UPDATE sign_in_limits SET full_at = full_at - make_interval(secs => :s)"),
            {"s": seconds},
        )


def test_a_key_that_signs_in_has_no_account_to_change(browser: TestClient) -> None:
    by_key = signed_in(browser)
    page = by_key.get("/account").text
    assert "New password" not in page
    sent = {"csrf_token": csrf_token(page), "password": "bridge lantern heron"}
    assert by_key.post("/account/password", data=sent).status_code == 403
