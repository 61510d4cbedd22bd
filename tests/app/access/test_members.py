"""What admins do with a project's people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.access.guards import COOKIE
from tests.app.dashboard.steps import browser_of, csrf_token
from tests.support import LAB, begin_session, make_key, make_person


@pytest.fixture
def admin(anonymous: TestClient) -> TestClient:
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    return anonymous


def _roles(admin: TestClient) -> dict[str, str]:
    return {p["id"]: p["role"] for p in admin.get(f"{LAB}/people").json()["items"]}


def test_a_role_is_changed_and_a_person_removed(admin: TestClient) -> None:
    ada = make_person("lab", "viewer")
    browser = browser_of(admin)
    browser.cookies.set(COOKIE, begin_session(ada))
    assert admin.patch(f"{LAB}/people/{ada}", json={"role": "engineer"}).status_code == 204
    assert browser.get("/projects/lab/scans/new").status_code != 403
    assert admin.delete(f"{LAB}/people/{ada}").status_code == 204
    assert browser.get("/projects/lab/scans").status_code == 404
    assert _roles(admin) == {}
    for answer in (
        admin.delete(f"{LAB}/people/{ada}"),
        admin.patch(f"{LAB}/people/{uuid4()}", json={"role": "viewer"}),
    ):
        assert answer.status_code == 404
    assert admin.patch(f"{LAB}/people/{ada}", json={"role": "owner"}).status_code == 422


def test_the_last_admin_stays(admin: TestClient) -> None:
    ada, bob = make_person("lab", "admin"), make_person("lab", "reviewer")
    for answer in (
        admin.delete(f"{LAB}/people/{ada}"),
        admin.patch(f"{LAB}/people/{ada}", json={"role": "engineer"}),
    ):
        assert (answer.status_code, answer.json()["title"]) == (409, "Last admin")
    assert admin.patch(f"{LAB}/people/{ada}", json={"role": "admin"}).status_code == 204
    assert admin.patch(f"{LAB}/people/{bob}", json={"role": "admin"}).status_code == 204
    assert admin.delete(f"{LAB}/people/{ada}").status_code == 204


def test_two_admins_cannot_remove_each_other_at_once(admin: TestClient) -> None:
    for _ in range(5):
        pair = [make_person("lab", "admin") for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda person: admin.delete(f"{LAB}/people/{person}"), pair))
        assert list(_roles(admin).values()) == ["admin"]
        _clear()


def _clear() -> None:
    from app.db import transaction

    with transaction() as db:
        db.execute(text("DELETE FROM memberships"))


def test_people_come_page_by_page(admin: TestClient) -> None:
    made = [str(make_person("lab", name=f"P{n}")) for n in range(5)]
    found, after = [], None
    while True:
        page = admin.get(f"{LAB}/people", params={"limit": 2} | ({"after": after} if after else {}))
        found += [person["id"] for person in page.json()["items"]]
        after = page.json()["next"]
        if after is None:
            break
    assert found == made[::-1]


def test_a_lost_password_is_mended_by_a_link(admin: TestClient) -> None:
    ada = make_person("lab", email="ada@example.com", password="forgotten words here")
    answer = admin.post(f"{LAB}/people/{ada}/sign-in-link")
    assert answer.status_code == 201
    browser = browser_of(admin)
    assert browser.get(urlsplit(answer.json()["url"]).path).status_code == 303
    page = browser.get("/account").text
    assert "Current password" not in page
    sent = {"csrf_token": csrf_token(page), "password": "bridge lantern otter"}
    assert browser.post("/account/password", data=sent).status_code == 303


def test_a_link_never_opens_projects_of_other_admins(admin: TestClient) -> None:
    from app.access import people
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    ada = make_person("lab", "viewer")
    with transaction() as db:
        people.add_to_project(db, ada, ensure_project(db, "secret").id, Role.admin)
    answer = admin.post(f"{LAB}/people/{ada}/sign-in-link")
    assert answer.status_code == 403
    assert "operator" in answer.json()["remedy"]


def test_the_page_shows_names_as_text(admin: TestClient) -> None:
    grace = make_person("lab", "admin", name="Grace")
    make_person("lab", name="<script>alert(1)</script>", email="a@b.example")
    browser = browser_of(admin)
    browser.cookies.set(COOKIE, begin_session(grace))
    page = browser.get("/projects/lab/people").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_the_page_changes_roles_and_removes(admin: TestClient) -> None:
    grace, ada = make_person("lab", "admin"), make_person("lab", "viewer")
    browser = browser_of(admin)
    browser.cookies.set(COOKIE, begin_session(grace))
    token = csrf_token(browser.get("/projects/lab/people").text)

    def post(person: UUID, what: str, **fields: str) -> int:
        path = f"/projects/lab/people/{person}/{what}"
        return browser.post(path, data={"csrf_token": token} | fields).status_code

    assert post(ada, "role", role="engineer") == 303
    assert _roles(admin)[str(ada)] == "engineer"
    assert post(grace, "remove") == 409
    assert post(ada, "remove") == 303
    assert list(_roles(admin)) == [str(grace)]
