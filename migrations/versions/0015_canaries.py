"""Scans that plant errors in memory.

Locks: `scans` for a moment, to add a column with a constant default and one that is null.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("scans", sa.Column("canaries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("scans", sa.Column("planted", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("scans", "planted")
    op.drop_column("scans", "canaries")
