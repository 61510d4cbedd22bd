"""Verdicts of a gate are found by its name.

Locks: `gate_evaluations` against writing while its index is built.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

_INDEX = "ix_gate_evaluations_project_id_gate_at_id"


def upgrade() -> None:
    op.create_index(op.f(_INDEX), "gate_evaluations", ["project_id", "gate", "at", "id"])


def downgrade() -> None:
    op.drop_index(op.f(_INDEX), "gate_evaluations")
