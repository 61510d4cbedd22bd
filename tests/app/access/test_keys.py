"""Keys: how they are stored, and when they end."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.support import LAB, make_key


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
