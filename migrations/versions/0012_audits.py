"""Audits and canaries: what is drawn, what has left the pool, and which items are which.

Locks: `review_items` while its index of outcomes is built anew, a few seconds for a million items
that are settled; new columns have defaults, and rewrite nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_MOMENT = sa.DateTime(timezone=True)
_COUNTS = ("audits", "canaries", "audits_drawn", "canaries_made", "mixed_in")
_SETTLED = ["queue_id", "outcome", "given_label", "outcome_label", "place"]


def upgrade() -> None:
    _make_pools()
    _make_reviewed()
    for name in _COUNTS:
        op.add_column(
            "review_queues",
            sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False),
        )
    op.add_column(
        "review_items",
        sa.Column("role", sa.String(), server_default=sa.text("'flag'"), nullable=False),
    )
    _index_settled("outcome IS NOT NULL AND role <> 'canary'")
    op.create_index(
        "ix_review_items_canaries",
        "review_items",
        ["queue_id", "position"],
        postgresql_where=sa.text("role = 'canary'"),
    )


def _make_pools() -> None:
    op.create_table(
        "audit_pools",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("draws", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_audit_pools_dataset_id_datasets")
        ),
        sa.PrimaryKeyConstraint("dataset_id", name=op.f("pk_audit_pools")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "audit_draws",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("unreviewed", sa.Integer(), nullable=False),
        sa.Column("drawn_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["audit_pools.dataset_id"],
            name=op.f("fk_audit_draws_dataset_id_audit_pools"),
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["review_queues.id"], name=op.f("fk_audit_draws_queue_id_review_queues")
        ),
        sa.PrimaryKeyConstraint("dataset_id", "number", name=op.f("pk_audit_draws")),
        sa.UniqueConstraint(
            "dataset_id", "position", name=op.f("uq_audit_draws_dataset_id_position")
        ),
    )
    op.create_index(op.f("ix_audit_draws_queue_id"), "audit_draws", ["queue_id"])


def _make_reviewed() -> None:
    op.create_table(
        "reviewed_examples",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("left_after", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_reviewed_examples")),
    )


def _index_settled(where: str) -> None:
    op.drop_index("ix_review_items_settled", "review_items")
    op.create_index(
        "ix_review_items_settled", "review_items", _SETTLED, postgresql_where=sa.text(where)
    )


def downgrade() -> None:
    # People's tallies count what was mixed in, so what they are compared with must as well.
    op.execute("UPDATE review_queues SET item_count = item_count + mixed_in WHERE mixed_in > 0")
    op.execute("DELETE FROM review_items WHERE role = 'canary'")
    op.drop_index("ix_review_items_canaries", "review_items")
    _index_settled("outcome IS NOT NULL")
    op.drop_column("review_items", "role")
    for name in _COUNTS:
        op.drop_column("review_queues", name)
    for table in ("reviewed_examples", "audit_draws", "audit_pools"):
        op.drop_table(table)
