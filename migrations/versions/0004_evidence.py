"""Sketches that a scan keeps.

Locks: `scans`, for a moment.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "scans",
        sa.Column(
            "evidence", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
    )
    op.add_column("scans", sa.Column("sketches", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("scans", "sketches")
    op.drop_column("scans", "evidence")
