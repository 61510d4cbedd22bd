"""Gates: policies by name and version, and evaluations with their inputs.

Locks: none that matter; all tables are new.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_policies()
    _make_evaluations()


def _make_policies() -> None:
    op.create_table(
        "gate_policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_gate_policies_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["principals.id"], name=op.f("fk_gate_policies_created_by_principals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_policies")),
        sa.UniqueConstraint(
            "project_id", "name", "version", name=op.f("uq_gate_policies_project_id_name_version")
        ),
    )
    op.create_index(
        op.f("ix_gate_policies_project_id_created_at_id"),
        "gate_policies",
        ["project_id", "created_at", "id"],
    )


def _make_evaluations() -> None:
    op.create_table(
        "gate_evaluations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.Uuid(), nullable=True),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("gate_version", sa.Integer(), nullable=True),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("scan_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("evaluated_by", sa.Uuid(), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"fk_gate_evaluations_{column}_{table}"),
            )
            for column, table in (
                ("project_id", "projects"),
                ("policy_id", "gate_policies"),
                ("dataset_id", "datasets"),
                ("scan_id", "scans"),
                ("evaluated_by", "principals"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_evaluations")),
    )
    for column in ("project_id", "dataset_id"):
        op.create_index(
            op.f(f"ix_gate_evaluations_{column}_at_id"), "gate_evaluations", [column, "at", "id"]
        )


def downgrade() -> None:
    for table in ("gate_evaluations", "gate_policies"):
        op.drop_table(table)
