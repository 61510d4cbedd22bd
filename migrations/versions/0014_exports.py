"""Exports, and datasets that are corrections of others.

Locks: `datasets` for a moment, to add two columns that are null and a foreign key. It has a row
for each version of a data set, so that checking the key takes no time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    document = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request", document, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure", document, nullable=True),
        sa.Column("result", document, nullable=True),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("progress", document, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", _MOMENT, nullable=True),
        sa.Column("nudged_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_exports_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_exports_dataset_id_datasets")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    for columns in (["project_id", "created_at", "id"], ["dataset_id", "created_at", "id"]):
        op.create_index(op.f(f"ix_exports_{'_'.join(columns)}"), "exports", columns)
    op.create_index(
        "ix_exports_unfinished",
        "exports",
        ["status"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.add_column("datasets", sa.Column("parent_id", sa.Uuid(), nullable=True))
    op.add_column("datasets", sa.Column("export_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_datasets_parent_id_datasets"), "datasets", "datasets", ["parent_id"], ["id"]
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_datasets_parent_id_datasets"), "datasets", type_="foreignkey")
    op.drop_column("datasets", "export_id")
    op.drop_column("datasets", "parent_id")
    op.drop_table("exports")
