"""Steps that tests of pages share."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient

from app.access.guards import COOKIE
from tests.support import begin_session, make_key, make_person


def browser_of(client: TestClient) -> TestClient:
    """A browser of the same application: no key, no cookies yet, no redirects followed."""
    return TestClient(client.app, raise_server_exceptions=False, follow_redirects=False)


def signed_in(client: TestClient, project: str = "lab", role: str = "engineer") -> TestClient:
    """A browser signed in to a project with a fresh key of the role."""
    browser = browser_of(client)
    answer = browser.post("/sign-in", data={"api_key": make_key(project, role)})
    assert answer.status_code == 303, answer.text
    return browser


def person_signed_in(
    client: TestClient, role: str = "reviewer", *, project: str = "lab", name: str = "Ada"
) -> TestClient:
    """A browser in which a new person with a role in the project is signed in."""
    browser = browser_of(client)
    browser.cookies.set(COOKIE, begin_session(make_person(project, role, name=name), project))
    return browser


def csrf_token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]
