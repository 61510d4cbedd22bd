"""What people do with their own account."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.access.guards import COOKIE
from tests.app.dashboard.steps import browser_of, csrf_token
from tests.support import make_person

EMAIL, PASSWORD, NEW = "ada@example.com", "bridge lantern otter", "bridge lantern heron"


@pytest.fixture
def stranger(anonymous: TestClient) -> TestClient:
    make_person("lab", email=EMAIL, password=PASSWORD)
    return browser_of(anonymous)


def _signed_in(stranger: TestClient, password: str = PASSWORD) -> TestClient:
    browser = browser_of(stranger)
    sent = {"email": EMAIL, "password": password}
    assert browser.post("/sign-in/password", data=sent).status_code == 303
    return browser


def _post(browser: TestClient, path: str, **fields: str) -> tuple[int, str]:
    token = csrf_token(browser.get("/account").text)
    answer = browser.post(f"/account{path}", data={"csrf_token": token} | fields)
    return answer.status_code, answer.headers.get("Location") or answer.text


def test_own_sessions_are_listed_and_ended_one_by_one(stranger: TestClient) -> None:
    mine, other = _signed_in(stranger), _signed_in(stranger)
    page = mine.get("/account").text
    ids = re.findall(r"/account/sessions/([0-9a-f-]{36})/end", page)
    assert len(ids) == 1
    assert page.count("this browser") == 1
    assert _post(mine, f"/sessions/{ids[0]}/end")[0] == 303
    assert other.get("/account").status_code == 303
    assert mine.get("/account").status_code == 200
    assert _post(mine, f"/sessions/{ids[0]}/end")[0] == 404


def test_sessions_of_long_ago_are_forgotten_as_one_signs_in(stranger: TestClient) -> None:
    from app.db import reading, transaction

    _signed_in(stranger)
    _signed_in(stranger)
    aged = text("""
        UPDATE browser_sessions SET created_at = now() - interval '91 days'
        WHERE id = (SELECT id FROM browser_sessions LIMIT 1)
    """)
    with transaction() as db:
        db.execute(aged)
    _signed_in(stranger)
    with reading() as db:
        assert db.scalar(text("SELECT count(*) FROM browser_sessions")) == 2


def test_nobody_ends_the_sessions_of_others(stranger: TestClient) -> None:
    from sqlalchemy import text

    from app.db import reading

    ada = _signed_in(stranger)
    with reading() as db:
        session = db.execute(text("SELECT id FROM browser_sessions")).scalar_one()
    make_person("lab", name="Eve", email="eve@example.com", password=PASSWORD)
    eve = browser_of(stranger)
    eve.post("/sign-in/password", data={"email": "eve@example.com", "password": PASSWORD})
    for wrong in (session, uuid4()):
        assert _post(eve, f"/sessions/{wrong}/end")[0] == 404
    assert ada.get("/account").status_code == 200


def test_all_others_are_ended_at_once(stranger: TestClient) -> None:
    mine, others = _signed_in(stranger), [_signed_in(stranger) for _ in range(3)]
    assert _post(mine, "/sessions/end-others")[0] == 303
    assert {browser.get("/account").status_code for browser in others} == {303}
    assert mine.get("/account").status_code == 200


def test_a_new_password_ends_the_other_sessions_and_replaces_the_old(stranger: TestClient) -> None:
    mine, other = _signed_in(stranger), _signed_in(stranger)
    done = _post(mine, "/password", current_password=PASSWORD, password=NEW)
    assert done == (303, "/account?done=password")
    assert other.get("/account").status_code == 303
    assert mine.get("/account").status_code == 200
    sent = {"email": EMAIL, "password": PASSWORD}
    assert stranger.post("/sign-in/password", data=sent).status_code == 401
    _signed_in(stranger, NEW)


@pytest.mark.parametrize(
    ("current", "new", "told"),
    [
        ("wrong", NEW, "current password is not this one"),
        (PASSWORD, "short", "10 to 200 characters"),
        (PASSWORD, "x" * 201, "10 to 200 characters"),
        (PASSWORD, "aaaaaaaaaaaa", "too easy"),
        (PASSWORD, EMAIL.upper(), "too easy"),
    ],
)
def test_a_password_that_is_not_accepted_changes_nothing(
    stranger: TestClient, current: str, new: str, told: str
) -> None:
    mine, other = _signed_in(stranger), _signed_in(stranger)
    status, page = _post(mine, "/password", current_password=current, password=new)
    assert (status, told in page) == (422, True)
    assert other.get("/account").status_code == 200
    _signed_in(stranger)


def test_whoever_holds_a_session_cannot_guess_the_password(stranger: TestClient) -> None:
    mine = _signed_in(stranger)
    statuses = [
        _post(mine, "/password", current_password=f"guess {n}", password=NEW)[0] for n in range(11)
    ]
    assert statuses == [422] * 10 + [429]


def test_name_and_address_are_changed_and_shown(stranger: TestClient) -> None:
    mine = _signed_in(stranger)
    assert _post(mine, "/profile", name=" Ada  L. ", email="ADA@new.example")[0] == 303
    page = mine.get("/account").text
    assert "Ada L." in page
    assert "ada@new.example" in page
    sent = {"email": "ada@new.example", "password": PASSWORD}
    assert stranger.post("/sign-in/password", data=sent).status_code == 303


@pytest.mark.parametrize(
    ("name", "email", "told"),
    [
        ("", EMAIL, "A name has"),
        ("\u202eada", EMAIL, "A name has"),
        ("Ada", "nowhere", "not an e-mail address"),
        ("Ada", "a@b@c", "not an e-mail address"),
        ("Ada", "bob@example.com", "belongs to another"),
    ],
)
def test_a_name_or_address_that_is_not_accepted_changes_nothing(
    stranger: TestClient, name: str, email: str, told: str
) -> None:
    make_person("lab", name="Bob", email="bob@example.com")
    mine = _signed_in(stranger)
    status, page = _post(mine, "/profile", name=name, email=email)
    assert (status, told in page) == (422, True)
    _signed_in(stranger)


def test_every_form_of_the_account_needs_the_token(stranger: TestClient) -> None:
    mine = _signed_in(stranger)
    paths = ["profile", "password", "project", "sessions/end-others", f"sessions/{uuid4()}/end"]
    for path in paths:
        for sent in ({}, {"csrf_token": "wrong"}):
            assert mine.post(f"/account/{path}", data=sent).status_code == 403, path


def test_the_owner_sets_a_password_after_the_link(anonymous: TestClient) -> None:
    from app.access import people
    from app.db import transaction
    from app.projects.service import ensure_project

    browser = browser_of(anonymous)
    with transaction() as db:
        link = people.create_sign_in_link(db, ensure_project(db, "lab"))
    browser.get(link)
    assert "New password" not in browser.get("/account").text
    assert _post(browser, "/profile", name="Grace", email=EMAIL)[0] == 303
    assert "Current password" not in browser.get("/account").text
    assert _post(browser, "/password", password=PASSWORD)[0] == 303
    _signed_in(anonymous)


def test_a_person_of_two_projects_goes_between_them(stranger: TestClient) -> None:
    from sqlalchemy import text

    from app.access import people
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        person = db.execute(text("SELECT id FROM people")).scalar_one()
        people.add_to_project(db, person, ensure_project(db, "zoo").id, Role.engineer)
        ensure_project(db, "secretive")
    mine = _signed_in(stranger)
    page = mine.get("/projects/lab/scans").text
    assert 'name="project" value="zoo"' in page
    assert "secretive" not in page
    assert _post(mine, "/project", project="zoo") == (303, "/projects/zoo/scans")
    assert mine.get("/").headers["Location"] == "/projects/zoo"
    assert _post(mine, "/project", project="secretive")[0] == 404
    mine.cookies.delete(COOKIE)
    again = _signed_in(stranger)  # the next sign-in leads there too
    assert again.get("/").headers["Location"] == "/projects/zoo"
