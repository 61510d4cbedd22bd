"""Every route of the application declares what it needs, and refuses each caller below that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.access.guards import COOKIE, SAFE_METHODS
from app.access.models import Role
from tests.app.dashboard.steps import browser_of, person_signed_in, signed_in
from tests.support import begin_session, make_key, make_person

# Needs nobody: what it does instead is tested by name elsewhere.
OPEN = {
    "GET /api/openapi.json",
    "GET /api/v1/health",
    "GET /api/v1/signing-keys",
    "GET /",
    "GET /api/docs",
    "GET /static/{name}",
    "GET /sign-in",
    "POST /sign-in",
    "POST /sign-in/password",
    "GET /sign-in/link/{token}",
    "GET /sign-in/oidc",
    "GET /sign-in/oidc/callback",
    "POST /sign-out",
    "GET /invitations/{token}",
    "POST /invitations/{token}",
}
_GUARD = re.compile(r"(api|page|form)_(viewer|reviewer|engineer|admin)")
_OWN = {"require_sign_in": "own page", "_form_signed_in": "own form"}


@dataclass(frozen=True)
class Guarded:
    method: str
    path: str
    kind: str
    """api, page or form; `own page` or `own form` where no project is in the path."""
    role: Role

    def filled(self, project: str = "lab") -> str:
        path = self.path.replace("{project}", project)
        path = path.replace("{position}", "0").replace("{number}", "0")
        return re.sub(r"\{[^}]+\}", str(uuid4()), path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _every(app: FastAPI) -> Iterator[tuple[str, list[str]]]:
    """Each method and path, with the names of the dependencies that the route lists itself."""
    for route in iter_route_contexts(app.router.routes):
        dependant = getattr(route, "dependant", None)
        names = (
            [getattr(d.call, "__name__", "") for d in dependant.dependencies] if dependant else []
        )
        for method in sorted(set(route.methods or ()) - {"HEAD"}):
            yield f"{method} {route.path}", names


@pytest.fixture
def guarded(application: FastAPI) -> list[Guarded]:
    found = []
    for route, names in _every(application):
        method, path = route.split(" ", 1)
        for name in names:
            if match := _GUARD.fullmatch(name):
                found.append(Guarded(method, path, match[1], Role(match[2])))
            elif name in _OWN:
                found.append(Guarded(method, path, _OWN[name], Role.viewer))
    return found


def test_every_route_declares_one_guard_or_is_listed_as_open(application: FastAPI) -> None:
    seen = set()
    for route, names in _every(application):
        guards = [name for name in names if _GUARD.fullmatch(name) or name in _OWN]
        if route in OPEN:
            assert not guards, route
        else:
            assert len(guards) == 1, (route, names)
        if "/projects/{project}/" in route:
            assert _GUARD.fullmatch(guards[0]), route
        seen.add(route)
    assert seen >= OPEN
    assert len(seen) > 60


def test_what_changes_something_is_never_guarded_as_a_page(guarded: list[Guarded]) -> None:
    for route in guarded:
        kind = "api" if route.path.startswith("/api/") else None
        if kind is None:
            kind = "page" if route.method in SAFE_METHODS else "form"
        assert route.kind.removeprefix("own ") == kind, route


def _of(guarded: list[Guarded], *kinds: str) -> list[Guarded]:
    found = [route for route in guarded if route.kind in kinds]
    assert found
    return found


@pytest.mark.parametrize("key", [None, "unknown", "expired", "revoked"])
def test_the_api_refuses_whoever_has_no_living_key(
    anonymous: TestClient, guarded: list[Guarded], key: str | None
) -> None:
    from app.db import transaction

    if key is not None:
        secret = make_key("lab", role="admin")
        anonymous.headers["Authorization"] = f"Bearer {secret}"
    if key == "unknown":
        anonymous.headers["Authorization"] = "Bearer ct_nothing-of-the-kind"
    elif key is not None:
        column = {"expired": "expires_at", "revoked": "revoked_at"}[key]
        with transaction() as db:
            db.execute(text(f"UPDATE api_keys SET {column} = now() - interval '1 s'"))
    for route in _of(guarded, "api"):
        answer = anonymous.request(route.method, route.filled())
        assert answer.status_code == 401, (route, answer.text)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "cleantrace keys create" in answer.json()["remedy"]


def test_the_api_hides_the_projects_of_others(
    anonymous: TestClient, guarded: list[Guarded]
) -> None:
    make_key("elsewhere")
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    for project in ("elsewhere", "not-there"):
        for route in _of(guarded, "api"):
            answer = anonymous.request(route.method, route.filled(project))
            assert answer.status_code == 404, (route, answer.text)
            assert answer.json()["type"].endswith("project-not-found")


@pytest.mark.parametrize("role", list(Role))
def test_the_api_refuses_every_lower_role_and_takes_the_others(
    anonymous: TestClient, guarded: list[Guarded], role: Role
) -> None:
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role=role.value)}"
    for route in _of(guarded, "api"):
        answer = anonymous.request(route.method, route.filled())
        if role.includes(route.role):
            assert answer.status_code not in (401, 403, 500), (route, answer.text)
        else:
            assert answer.status_code == 403, (route, answer.text)
            assert route.role.value in answer.json()["remedy"]


def test_the_api_takes_a_cookie_for_changes_only_with_its_token(
    anonymous: TestClient, guarded: list[Guarded]
) -> None:
    browser = person_signed_in(anonymous, "admin")
    for route in _of(guarded, "api"):
        if route.method not in SAFE_METHODS:
            answer = browser.request(route.method, route.filled())
            assert answer.status_code == 403, (route, answer.text)
            assert "X-CSRF-Token" in answer.json()["remedy"]


@pytest.mark.parametrize("session", [None, "unknown", "ended", "expired"])
def test_pages_and_forms_ask_whoever_has_no_living_session_to_sign_in(
    anonymous: TestClient, guarded: list[Guarded], session: str | None
) -> None:
    from app.db import transaction

    browser = browser_of(anonymous)
    if session is not None:
        browser.cookies.set(COOKIE, begin_session(make_person("lab", "admin")))
    if session == "unknown":
        browser.cookies.set(COOKIE, "nothing-of-the-kind")
    elif session is not None:
        column = {"ended": "ended_at", "expired": "expires_at"}[session]
        with transaction() as db:
            db.execute(text(f"UPDATE browser_sessions SET {column} = now() - interval '1 s'"))
    for route in _of(guarded, "page", "form", "own page", "own form"):
        answer = browser.request(route.method, route.filled())
        assert answer.status_code == 303, (route, answer.text)
        assert answer.headers["Location"].startswith("/sign-in")


def test_pages_and_forms_hide_the_projects_of_others(
    anonymous: TestClient, guarded: list[Guarded]
) -> None:
    make_key("elsewhere")
    for browser in (person_signed_in(anonymous, "admin"), signed_in(anonymous, role="admin")):
        for project in ("elsewhere", "not-there"):
            for route in _of(guarded, "page", "form"):
                answer = browser.request(route.method, route.filled(project))
                assert answer.status_code == 404, (route, answer.text)
                assert "no project" in answer.text


@pytest.mark.parametrize("role", list(Role))
def test_pages_and_forms_refuse_every_lower_role(
    anonymous: TestClient, guarded: list[Guarded], role: Role
) -> None:
    browser = person_signed_in(anonymous, role.value)
    for route in _of(guarded, "page", "form"):
        answer = browser.request(route.method, route.filled())
        if not role.includes(route.role):
            assert answer.status_code == 403, (route, answer.text)
            assert f"role {route.role.value}" in answer.text
        elif route.kind == "page":
            assert answer.status_code in (200, 404), (route, answer.text)


def test_every_form_needs_the_token_of_its_own_session(
    anonymous: TestClient, guarded: list[Guarded]
) -> None:
    from tests.app.dashboard.steps import csrf_token

    browser = person_signed_in(anonymous, "admin")
    other = csrf_token(person_signed_in(anonymous, "admin").get("/account").text)
    for route in _of(guarded, "form", "own form"):
        for wrong in ({}, {"csrf_token": other}, {"csrf_token": "é"}):
            answer = browser.request(route.method, route.filled(), data=wrong)
            assert (answer.status_code, "out of date" in answer.text) == (403, True), route
