"""The API in this process, on the real database, with a key of the project `lab`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient


def make_key(project: str, role: str = "engineer") -> str:
    from app.access import service
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        return service.create_key(db, ensure_project(db, project), name="test", role=Role(role))


@pytest.fixture
def anonymous(database: None) -> Iterator[TestClient]:
    from app.main import create_app

    # Errors of ours must come out as answers, as they do in production.
    with TestClient(create_app(), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(anonymous: TestClient) -> TestClient:
    """A client with an engineer's key, relative to the project `lab`."""
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab')}"
    return anonymous


LAB = "/api/v1/projects/lab"
