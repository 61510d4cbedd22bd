"""How exactly a scan computes.

Locks: `scans` for a moment; the new column is filled by no rewrite.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "scans", sa.Column("precision", sa.String(), server_default="full", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("scans", "precision")
