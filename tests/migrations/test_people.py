"""What 0006 does with what was there."""

from __future__ import annotations

import uuid

import psycopg

from cleantrace.standalone import PostgresServer
from tests.migrations.steps import alembic


def test_keys_become_principals_and_their_entries_theirs(
    postgres: PostgresServer, empty_database: str
) -> None:
    alembic(empty_database, "upgrade", "0005")
    project, key, session = (str(uuid.uuid4()) for _ in range(3))
    with psycopg.connect(postgres.url_for("migrating")) as db:
        db.execute("INSERT INTO projects VALUES (%s, 'lab', now())", [project])
        db.execute(
            "INSERT INTO api_keys (id, project_id, name, role, secret_hash, created_at)"
            " VALUES (%s, %s, 'nightly (2)', 'engineer', 'h', '2026-01-02T03:04:05Z')",
            [key, project],
        )
        db.execute(
            "INSERT INTO browser_sessions (id, project_id, api_key_id, role, secret_hash,"
            " csrf_token, created_at, expires_at)"
            " VALUES (%s, %s, %s, 'engineer', 's', 'c', now(), now())",
            [session, project, key],
        )
        for caller in (f"key nightly (2) ({key})", f"session {session}", "command line"):
            db.execute(
                "INSERT INTO audit_entries (project_id, caller, action, subject, details, at)"
                " VALUES (%s, %s, 'x', 'y', '{}', now())",
                [project, caller],
            )
    alembic(empty_database, "upgrade", "0006")
    with psycopg.connect(postgres.url_for("migrating")) as db:
        found = db.execute("SELECT id::text, kind, name, created_at FROM principals").fetchall()
        assert [row[:3] for row in found] == [(key, "key", "nightly (2)")]
        assert found[0][3].isoformat().startswith("2026-01-02T")
        whose = db.execute("SELECT principal_id::text FROM audit_entries ORDER BY id").fetchall()
        assert whose == [(key,), (key,), (None,)]
        assert db.execute("SELECT count(*) FROM browser_sessions").fetchone() == (0,)
    alembic(empty_database, "downgrade", "0005")
    with psycopg.connect(postgres.url_for("migrating")) as db:
        assert db.execute("SELECT id::text, name FROM api_keys").fetchall() == [
            (key, "nightly (2)")
        ]
