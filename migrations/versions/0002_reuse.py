"""What scans take from earlier ones.

Locks: `scans` and `scan_shards` for a moment each; the new columns are filled by no rewrite. The
index is made while writes wait: there are as many rows as scans, which are few.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "scans", sa.Column("fresh", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("scans", sa.Column("engine_key", sa.String(), nullable=True))
    op.add_column(
        "scans",
        sa.Column(
            "reuse", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
    )
    op.create_index(
        op.f("ix_scans_project_id_engine_key"), "scans", ["project_id", "engine_key"], unique=False
    )
    op.add_column("scan_shards", sa.Column("computed", sa.Integer(), nullable=True))
    op.add_column("scan_shards", sa.Column("engine_seconds", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("scan_shards", "engine_seconds")
    op.drop_column("scan_shards", "computed")
    op.drop_index(op.f("ix_scans_project_id_engine_key"), "scans")
    op.drop_column("scans", "reuse")
    op.drop_column("scans", "engine_key")
    op.drop_column("scans", "fresh")
