"""Every route says what it needs, and refuses whoever does not have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tests.support import LAB, make_key

OPEN = {
    "/api/v1/health",
    "/api/openapi.json",
    "/api/docs",
    "/sign-in",
    "/sign-in/link/{token}",
    "/",
    "/static/{path:path}",
}


def _routes(client: TestClient) -> Iterator[tuple[str, str]]:
    for path, operations in client.get("/api/openapi.json").json()["paths"].items():
        for method in operations:
            yield method.upper(), path


def _fill(path: str, project: str) -> str:
    path = path.replace("{project}", project).replace("{position}", "0")
    return re.sub(r"\{[^}]+\}", str(uuid4()), path)


def test_every_api_route_refuses_a_caller_without_a_key(anonymous: TestClient) -> None:
    guarded = [(method, path) for method, path in _routes(anonymous) if path not in OPEN]
    assert len(guarded) > 15
    for method, path in guarded:
        answer = anonymous.request(method, _fill(path, "lab"))
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "cleantrace keys create" in answer.json()["remedy"]


def test_every_api_route_refuses_an_unknown_key(anonymous: TestClient) -> None:
    anonymous.headers["Authorization"] = "Bearer ct_nothing-of-the-kind"
    for method, path in _routes(anonymous):
        if path not in OPEN:
            assert anonymous.request(method, _fill(path, "lab")).status_code == 401, (method, path)


def test_every_api_route_hides_the_project_of_others(api: TestClient) -> None:
    make_key("elsewhere")
    for project in ("elsewhere", "not-there"):
        for method, path in _routes(api):
            if path not in OPEN:
                answer = api.request(method, _fill(path, project))
                assert answer.status_code == 404, (method, path, answer.text)
                assert answer.json()["type"].endswith("project-not-found")


# A question too long for an address.
READING_POSTS = {"/api/v1/projects/{project}/scans/{scan_id}/evidence"}


def test_every_post_refuses_a_viewer_and_every_get_takes_one(anonymous: TestClient) -> None:
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='viewer')}"
    for method, path in _routes(anonymous):
        if path in OPEN:
            continue
        answer = anonymous.request(method, _fill(path, "lab"))
        if method == "GET" or path in READING_POSTS:
            assert answer.status_code in (200, 404, 422), (method, path, answer.text)
        else:
            assert answer.status_code == 403, (method, path, answer.text)
            assert "engineer" in answer.json()["remedy"]


def test_pages_are_all_listed_or_guarded(anonymous: TestClient) -> None:
    """Pages are not in the API's description: each is asked for without a session."""
    pages = [
        route
        for route in anonymous.app.routes  # type: ignore[attr-defined]
        if isinstance(route, APIRoute) and not route.include_in_schema and route.path not in OPEN
    ]
    for page in pages:
        for method in page.methods or ():
            answer = anonymous.request(method, _fill(page.path, "lab"), follow_redirects=False)
            signs_in = answer.status_code == 303 and "/sign-in" in answer.headers["location"]
            assert signs_in or answer.status_code in (401, 403, 404), (method, page.path)


@pytest.mark.parametrize("state", ["expired", "revoked"])
def test_a_key_past_its_life_is_refused(anonymous: TestClient, state: str) -> None:
    from sqlalchemy import text

    from app.db import transaction

    key = make_key("lab")
    anonymous.headers["Authorization"] = f"Bearer {key}"
    assert anonymous.get(f"{LAB}/datasets").status_code == 200
    column = {"expired": "expires_at", "revoked": "revoked_at"}[state]
    with transaction() as db:
        db.execute(text(f"UPDATE api_keys SET {column} = now() - interval '1 s'"))
    assert anonymous.get(f"{LAB}/datasets").status_code == 401


def test_keys_are_stored_hashed(anonymous: TestClient) -> None:
    from sqlalchemy import text

    from app.db import reading

    key = make_key("lab")
    with reading() as db:
        stored = str(db.execute(text("SELECT * FROM api_keys")).one())
    assert key not in stored
    assert key.removeprefix("ct_") not in stored
