"""Principals: people with roles in projects beside keys.

Keys become principals under their own ids. Browser sessions and open sign-in links end: they
belonged to a role, and now belong to somebody.

Locks: `api_keys`, `browser_sessions`, `sign_in_links` and `audit_entries` for a moment each. The
last may be long: its rows are given their principal where the text names one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _make_principals()
    _make_invitations()
    _make_identities()
    _make_keys_principals()
    _give_entries_their_principal()
    _make_sessions_somebodys()


def _make_principals() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "principals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.CheckConstraint("kind IN ('person', 'key')", name=op.f("ck_principals_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principals")),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("email_is_vouched", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("is_local_owner", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["principals.id"], name=op.f("fk_people_id_principals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
    )
    op.create_index(
        "uq_people_local_owner",
        "people",
        ["is_local_owner"],
        unique=True,
        postgresql_where=sa.text("is_local_owner"),
    )
    op.create_table(
        "memberships",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_memberships_person_id_people")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_memberships_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("person_id", "project_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_project_id"), "memberships", ["project_id"])
    op.create_table(
        "known_devices",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_known_devices_person_id_people")
        ),
        sa.PrimaryKeyConstraint("person_id", "secret_hash", name=op.f("pk_known_devices")),
    )
    op.create_table(
        "sign_in_limits",
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("full_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_sign_in_limits")),
    )
    op.create_index(op.f("ix_sign_in_limits_full_at"), "sign_in_limits", ["full_at"])


def _make_identities() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_identities_person_id_people")
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_person_id"), "identities", ["person_id"])
    op.create_table(
        "oidc_flows",
        sa.Column("state_hash", sa.String(), nullable=False),
        sa.Column("browser_hash", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("code_verifier", sa.String(), nullable=False),
        sa.Column("following", sa.String(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_oidc_flows")),
    )
    op.create_index(op.f("ix_oidc_flows_expires_at"), "oidc_flows", ["expires_at"])


def _make_invitations() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("used_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_invitations_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["principals.id"], name=op.f("fk_invitations_created_by_principals")
        ),
        sa.ForeignKeyConstraint(
            ["used_by"], ["people.id"], name=op.f("fk_invitations_used_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_invitations_secret_hash")),
    )
    op.create_index(
        op.f("ix_invitations_project_id_created_at_id"),
        "invitations",
        ["project_id", "created_at", "id"],
    )


def _make_keys_principals() -> None:
    op.execute(
        "INSERT INTO principals (id, kind, name, created_at)"
        " SELECT id, 'key', name, created_at FROM api_keys"
    )
    op.create_foreign_key(
        op.f("fk_api_keys_id_principals"), "api_keys", "principals", ["id"], ["id"]
    )
    op.drop_column("api_keys", "name")
    op.add_column(
        "api_keys",
        sa.Column("read_only", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("api_keys", "read_only", server_default=None)
    op.add_column("api_keys", sa.Column("created_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_api_keys_created_by_principals"),
        "api_keys",
        "principals",
        ["created_by"],
        ["id"],
    )
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index(op.f("ix_api_keys_project_id"), "api_keys")
    op.create_index(
        op.f("ix_api_keys_project_id_created_at_id"),
        "api_keys",
        ["project_id", "created_at", "id"],
    )


def _give_entries_their_principal() -> None:
    op.add_column("audit_entries", sa.Column("principal_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_audit_entries_principal_id_principals"),
        "audit_entries",
        "principals",
        ["principal_id"],
        ["id"],
    )
    op.execute(
        "UPDATE audit_entries SET principal_id = principals.id FROM principals"
        " WHERE right(caller, 38) = '(' || principals.id || ')'"
    )
    op.execute(
        "UPDATE audit_entries SET principal_id = session.api_key_id FROM browser_sessions session"
        " WHERE caller = 'session ' || session.id"
    )
    for column in ("principal_id", "action"):
        name = op.f(f"ix_audit_entries_project_id_{column}_id")
        op.create_index(name, "audit_entries", ["project_id", column, "id"])
    # Against ourselves: an owner of the table can still take the trigger away.
    op.execute(
        "CREATE FUNCTION refuse_to_rewrite_the_log() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'audit_entries is append-only'"
        " USING ERRCODE = 'insufficient_privilege'; END $$"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_log()"
    )


def _make_sessions_somebodys() -> None:
    op.execute("DELETE FROM browser_sessions")
    op.execute("DELETE FROM sign_in_links")
    op.drop_index(op.f("ix_browser_sessions_api_key_id"), "browser_sessions")
    op.drop_index(op.f("ix_browser_sessions_project_id"), "browser_sessions")
    op.drop_column("browser_sessions", "api_key_id")
    op.drop_column("browser_sessions", "role")
    op.alter_column("browser_sessions", "project_id", nullable=True)
    op.add_column("browser_sessions", sa.Column("principal_id", sa.Uuid(), nullable=False))
    for column in ("begun_by", "address", "user_agent"):
        op.add_column("browser_sessions", sa.Column(column, sa.String(), nullable=False))
    op.create_foreign_key(
        op.f("fk_browser_sessions_principal_id_principals"),
        "browser_sessions",
        "principals",
        ["principal_id"],
        ["id"],
    )
    op.create_index(
        op.f("ix_browser_sessions_principal_id_created_at"),
        "browser_sessions",
        ["principal_id", "created_at"],
    )
    op.drop_index(op.f("ix_sign_in_links_project_id"), "sign_in_links")
    op.drop_column("sign_in_links", "role")
    op.add_column("sign_in_links", sa.Column("person_id", sa.Uuid(), nullable=False))
    op.create_foreign_key(
        op.f("fk_sign_in_links_person_id_people"), "sign_in_links", "people", ["person_id"], ["id"]
    )
    op.create_index(op.f("ix_sign_in_links_person_id"), "sign_in_links", ["person_id"])


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only ON audit_entries")
    op.execute("DROP FUNCTION refuse_to_rewrite_the_log()")
    op.execute("DELETE FROM browser_sessions")
    op.execute("DELETE FROM sign_in_links")
    op.drop_column("sign_in_links", "person_id")
    op.add_column("sign_in_links", sa.Column("role", sa.String(), nullable=False))
    op.create_index(op.f("ix_sign_in_links_project_id"), "sign_in_links", ["project_id"])
    for column in ("principal_id", "begun_by", "address", "user_agent"):
        op.drop_column("browser_sessions", column)
    op.alter_column("browser_sessions", "project_id", nullable=False)
    op.add_column("browser_sessions", sa.Column("role", sa.String(), nullable=False))
    op.add_column("browser_sessions", sa.Column("api_key_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_browser_sessions_api_key_id_api_keys"),
        "browser_sessions",
        "api_keys",
        ["api_key_id"],
        ["id"],
    )
    for column in ("api_key_id", "project_id"):
        op.create_index(op.f(f"ix_browser_sessions_{column}"), "browser_sessions", [column])
    for column in ("principal_id", "action"):
        op.drop_index(op.f(f"ix_audit_entries_project_id_{column}_id"), "audit_entries")
    op.drop_column("audit_entries", "principal_id")
    op.drop_index(op.f("ix_api_keys_project_id_created_at_id"), "api_keys")
    op.create_index(op.f("ix_api_keys_project_id"), "api_keys", ["project_id"])
    for column in ("read_only", "created_by", "last_used_at"):
        op.drop_column("api_keys", column)
    op.add_column("api_keys", sa.Column("name", sa.String(), nullable=True))
    op.execute("UPDATE api_keys SET name = p.name FROM principals p WHERE p.id = api_keys.id")
    op.alter_column("api_keys", "name", nullable=False)
    op.drop_constraint(op.f("fk_api_keys_id_principals"), "api_keys", type_="foreignkey")
    for table in (
        "oidc_flows",
        "identities",
        "invitations",
        "sign_in_limits",
        "known_devices",
        "memberships",
        "people",
        "principals",
    ):
        op.drop_table(table)
