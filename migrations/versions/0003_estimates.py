"""What scans would cost.

Locks nothing for long: a new, empty table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    document = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.create_table(
        "scan_estimates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("checkpoint_ids", document, nullable=False),
        sa.Column("request", document, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure", document, nullable=True),
        sa.Column("result", document, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nudged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_scan_estimates_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["training_runs.id"],
            name=op.f("fk_scan_estimates_run_id_training_runs"),
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_scan_estimates_dataset_id_datasets")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_estimates")),
    )
    for columns in (["run_id"], ["dataset_id"], ["project_id", "created_at"]):
        name = op.f(f"ix_scan_estimates_{'_'.join(columns)}")
        op.create_index(name, "scan_estimates", columns, unique=False)
    op.create_index(
        "ix_scan_estimates_unfinished",
        "scan_estimates",
        ["status"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


def downgrade() -> None:
    op.drop_table("scan_estimates")
