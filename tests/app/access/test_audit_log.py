"""The log of every change: who reads it, and that nobody rewrites it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.app.dashboard.steps import person_signed_in
from tests.support import LAB, make_key, make_person


@pytest.fixture
def admin(anonymous: TestClient) -> TestClient:
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    return anonymous


def _log(admin: TestClient, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = admin.get(f"{LAB}/log", params=params).json()["items"]
    return items


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET caller = 'somebody else'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "DELETE FROM audit_entries WHERE false",
    ],
)
def test_the_database_refuses_to_rewrite_the_log(admin: TestClient, statement: str) -> None:
    from app.db import transaction

    before = _log(admin)
    assert before
    with pytest.raises(ProgrammingError, match="append-only"), transaction() as db:
        db.execute(text(statement))
    assert _log(admin) == before


def test_changes_are_listed_with_who_and_what(admin: TestClient) -> None:
    ada = make_person("lab", "viewer")
    admin.patch(f"{LAB}/people/{ada}", json={"role": "engineer"})
    admin.delete(f"{LAB}/people/{ada}")
    newest, before, *_ = _log(admin)
    me = admin.get(f"{LAB}/me").json()["principal_id"]
    assert (newest["action"], newest["subject"]) == ("remove_person", f"person {ada}")
    assert newest["principal_id"] == me
    assert before["details"] == {"before": "viewer", "after": "engineer"}


def test_the_log_is_filtered_and_paged(admin: TestClient) -> None:
    me = admin.get(f"{LAB}/me").json()["principal_id"]
    for n in range(5):
        admin.post(f"{LAB}/keys", json={"name": f"k{n}"})
    admin.post(f"{LAB}/invitations", json={})
    make_key("lab")
    assert {entry["action"] for entry in _log(admin, action="invite")} == {"invite"}
    mine = _log(admin, principal_id=me, action="create_key")
    assert [entry["details"]["name"] for entry in mine] == ["k4", "k3", "k2", "k1", "k0"]
    found: list[int] = []
    after = None
    while True:
        params = {"limit": 3} | ({"after": after} if after else {})
        page = admin.get(f"{LAB}/log", params=params).json()
        found += [entry["id"] for entry in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert found == [entry["id"] for entry in _log(admin)]
    assert found == sorted(found, reverse=True)
    assert admin.get(f"{LAB}/log", params={"after": "WyJ4Il0"}).status_code == 422
    assert _log(admin, principal_id=str(uuid4())) == []


def test_each_project_has_its_own_log(admin: TestClient) -> None:
    make_key("other")
    assert all(entry["details"]["role"] == "admin" for entry in _log(admin))


def test_the_page_offers_what_there_is_and_escapes_it(anonymous: TestClient) -> None:
    browser = person_signed_in(anonymous, "admin", name="<b>Grace</b>")
    make_key("lab")
    page = browser.get("/projects/lab/log")
    assert page.status_code == 200
    assert '<option value="create_key">create key</option>' in page.text
    assert "&lt;b&gt;Grace" in page.text
    assert "<b>Grace" not in page.text
    only = browser.get("/projects/lab/log", params={"action": "sign_in"})
    assert "key test" not in only.text.split("<tbody>")[1]
    empty = browser.get("/projects/lab/log", params={"action": "nothing"})
    assert "Nothing of the kind" in empty.text
    assert browser.get("/projects/lab/log", params={"action": "a\x00b"}).status_code == 422


def test_the_log_is_read_by_its_indexes(admin: TestClient) -> None:
    """However many entries there are, a page reads no more than a page."""
    from app.access import audit_queries
    from app.db import transaction

    with transaction() as db:
        project = db.execute(text("SELECT id FROM projects")).scalar_one()
        key = db.execute(text("SELECT id FROM api_keys")).scalar_one()
        db.execute(
            text(
                "INSERT INTO audit_entries"
                " (project_id, principal_id, caller, action, subject, details, at)"
                " SELECT :p, CASE WHEN n % 1000 = 0 THEN :k END, 'c', 'a' || n % 5, 's', '{}',"
                " now() FROM generate_series(1, 20000) n"
            ),
            {"p": project, "k": key},
        )
    with transaction() as db:
        db.execute(text("ANALYZE audit_entries"))
        assert audit_queries.actions(db, project) == ["a0", "a1", "a2", "a3", "a4", "create_key"]
        for asked in ({}, {"principal_id": key}, {"action": "a3"}):
            filters = {"principal_id": None, "action": None, "before": 15_000, "limit": 101}
            statement = audit_queries.entries_asked(project, **filters | asked)
            sql = statement.compile(db.get_bind(), compile_kwargs={"literal_binds": True})
            plan = db.connection().exec_driver_sql(f"EXPLAIN {sql}")
            shown = "\n".join(str(row[0]) for row in plan)
            assert "Index Scan" in shown, shown
            assert "Sort" not in shown, shown
