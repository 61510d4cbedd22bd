"""Who acts, in which project, and as whom it is recorded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import text

from app.access.guards import COOKIE
from tests.app.dashboard.steps import browser_of, csrf_token, person_signed_in, signed_in
from tests.support import LAB, begin_session, blobs_body, make_key, make_person, save_blobs

SCANS = "/projects/lab/scans"


def _audit() -> list[tuple[Any, ...]]:
    from app.db import reading

    with reading() as db:
        rows = db.execute(
            text("SELECT principal_id, caller, action FROM audit_entries ORDER BY id")
        )
        return [tuple(row) for row in rows]


def test_what_a_person_does_is_recorded_as_theirs(anonymous: TestClient, data_dir: Path) -> None:
    ada = make_person("lab", "engineer", name="Ada", email="ada@example.com")
    browser = browser_of(anonymous)
    browser.cookies.set(COOKIE, begin_session(ada))
    token = csrf_token(browser.get(SCANS).text)
    body = blobs_body(save_blobs(data_dir))
    answer = browser.post(f"{LAB}/datasets", json=body, headers={"X-CSRF-Token": token})
    assert answer.status_code == 201, answer.text
    assert _audit()[-1] == (ada, "Ada <ada@example.com>", "register_dataset")


def test_what_a_key_does_in_a_browser_is_recorded_as_the_keys(anonymous: TestClient) -> None:
    signed_in(anonymous)
    principal_id, caller, action = _audit()[-1]
    assert action == "sign_in"
    assert isinstance(principal_id, UUID)
    assert caller == f"key test ({principal_id})"


def test_the_api_takes_the_cookie_for_writing_only_with_the_sessions_token(
    anonymous: TestClient, data_dir: Path
) -> None:
    body = blobs_body(save_blobs(data_dir))
    browser, other = signed_in(anonymous), signed_in(anonymous)
    theirs = csrf_token(other.get(SCANS).text)
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": theirs}):
        refused = browser.post(f"{LAB}/datasets", json=body, headers=headers)
        assert refused.status_code == 403
        assert "X-CSRF-Token" in refused.json()["remedy"]
    assert browser.get(f"{LAB}/datasets").json()["items"] == []
    mine = re.search(r'<meta name="csrf-token" content="([^"]+)">', browser.get(SCANS).text)
    assert mine is not None
    done = browser.post(f"{LAB}/datasets", json=body, headers={"X-CSRF-Token": mine[1]})
    assert done.status_code == 201


def test_a_role_counts_in_its_project_and_from_the_next_request_on(anonymous: TestClient) -> None:
    from app.access import people
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    ada = make_person("lab", "viewer")
    make_key("elsewhere")
    browser = browser_of(anonymous)
    browser.cookies.set(COOKIE, begin_session(ada))
    assert browser.get(SCANS).status_code == 200
    assert browser.get(f"{SCANS}/new").status_code == 403
    hidden = browser.get("/projects/elsewhere/scans")
    assert (hidden.status_code, "lab" in hidden.text) == (404, True)
    with transaction() as db:
        project = ensure_project(db, "elsewhere")
        people.add_to_project(db, ada, project.id, Role.engineer)
    assert browser.get("/projects/elsewhere/scans/new").status_code != 403
    with transaction() as db:
        db.execute(text("DELETE FROM memberships"))
    assert browser.get(SCANS).status_code == 404
    assert browser.get("/").headers["Location"] == "/account"
    alone = browser.get("/account")
    assert (alone.status_code, "in no project" in alone.text) == (200, True)


def test_the_owner_is_one_person_and_an_admin_wherever_a_link_is_made(
    anonymous: TestClient,
) -> None:
    from app.access import people
    from app.db import reading, transaction
    from app.projects.service import ensure_project

    for project in ("lab", "lab", "other"):
        with transaction() as db:
            link = people.create_sign_in_link(db, ensure_project(db, project))
        browser = browser_of(anonymous)
        assert browser.get(link).status_code == 303
        page = browser.get(f"/projects/{project}/scans").text
        assert f'title="Your account: admin of {project}">Owner</a>' in page
    with reading() as db:
        assert db.execute(text("SELECT count(*) FROM people")).scalar_one() == 1
        assert db.execute(text("SELECT count(*) FROM memberships")).scalar_one() == 2


def test_a_person_is_told_to_ask_an_admin_for_a_role(anonymous: TestClient) -> None:
    refused = person_signed_in(anonymous, "reviewer").get(f"{SCANS}/new")
    assert refused.status_code == 403
    assert "Ask an admin of lab for the role engineer" in refused.text
