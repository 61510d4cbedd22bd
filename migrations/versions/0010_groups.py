"""Groups of people, who is in them, and their duties at review queues.

Locks: none that matter; all tables are new.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_groups()
    _make_members()
    _make_duties()


def _make_groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_groups_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["principals.id"], name=op.f("fk_groups_created_by_principals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_groups_project_id_name")),
        sa.UniqueConstraint("id", "project_id", name=op.f("uq_groups_id_project_id")),
    )
    op.create_index(
        op.f("ix_groups_project_id_created_at_id"), "groups", ["project_id", "created_at", "id"]
    )


def _make_members() -> None:
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id", "project_id"],
            ["groups.id", "groups.project_id"],
            name=op.f("fk_group_members_group_id_groups"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id", "project_id"],
            ["memberships.person_id", "memberships.project_id"],
            name=op.f("fk_group_members_person_id_memberships"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("group_id", "person_id", name=op.f("pk_group_members")),
    )
    op.create_index(
        op.f("ix_group_members_person_id_project_id"), "group_members", ["person_id", "project_id"]
    )


def _make_duties() -> None:
    op.create_table(
        "review_group_duties",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("duty", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_id"],
            ["review_queues.id"],
            name=op.f("fk_review_group_duties_queue_id_review_queues"),
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_review_group_duties_group_id_groups")
        ),
        sa.PrimaryKeyConstraint(
            "queue_id", "group_id", "duty", name=op.f("pk_review_group_duties")
        ),
    )
    op.create_index(op.f("ix_review_group_duties_group_id"), "review_group_duties", ["group_id"])


def downgrade() -> None:
    for table in ("review_group_duties", "group_members", "groups"):
        op.drop_table(table)
