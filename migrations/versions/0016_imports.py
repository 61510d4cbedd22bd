"""Annotations from other tools: whose they are, and which import a verdict came with.

Locks: `principals` while its few rows are checked anew, `review_verdicts` for a moment, to add a
column that is null.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

_KIND = "ck_principals_kind"


def upgrade() -> None:
    op.drop_constraint(op.f(_KIND), "principals", type_="check")
    op.create_check_constraint(op.f(_KIND), "principals", "kind IN ('person', 'key', 'annotator')")
    op.create_table(
        "annotators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["id"], ["principals.id"], name=op.f("fk_annotators_id_principals")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_annotators_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotators")),
        sa.UniqueConstraint(
            "project_id", "tool", "name", name=op.f("uq_annotators_project_id_tool_name")
        ),
    )
    op.create_table(
        "review_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column(
            "report", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["principals.id"], name=op.f("fk_review_imports_created_by_principals")
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"],
            ["review_queues.id"],
            name=op.f("fk_review_imports_queue_id_review_queues"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_imports")),
    )
    op.create_index(
        op.f("ix_review_imports_queue_id_created_at_id"),
        "review_imports",
        ["queue_id", "created_at", "id"],
    )
    op.add_column("review_verdicts", sa.Column("import_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("review_verdicts", "import_id")
    op.drop_table("review_imports")
    op.drop_table("annotators")
    # Their verdicts stay, and the log refuses to lose whose they are.
    op.execute("UPDATE principals SET kind = 'key' WHERE kind = 'annotator'")
    op.drop_constraint(op.f(_KIND), "principals", type_="check")
    op.create_check_constraint(op.f(_KIND), "principals", "kind IN ('person', 'key')")
