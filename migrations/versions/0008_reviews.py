"""Review queues: their items, who holds them, and what was decided.

Locks: none that matter, the tables are new.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

moment = sa.DateTime(timezone=True)
document = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    _make_queues()
    _make_items()
    _make_people()
    _make_verdicts()
    _make_batches()


def _make_queues() -> None:
    op.create_table(
        "review_queues",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("order_scan_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("policy", document, nullable=False),
        sa.Column("order_by", sa.String(), nullable=False),
        sa.Column("overlap", sa.SmallInteger(), nullable=False),
        sa.Column("claim_ttl_s", sa.Integer(), nullable=False),
        sa.Column("show_suggestion", sa.Boolean(), nullable=False),
        sa.Column("tolerance", sa.Double(), nullable=False),
        sa.Column("is_assigned", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("closed_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["principals.id"], name=op.f("fk_review_queues_created_by_principals")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_review_queues_dataset_id_datasets")
        ),
        sa.ForeignKeyConstraint(
            ["order_scan_id"], ["scans.id"], name=op.f("fk_review_queues_order_scan_id_scans")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_review_queues_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["scan_id"], ["scans.id"], name=op.f("fk_review_queues_scan_id_scans")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_queues")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_review_queues_project_id_name")),
    )
    op.create_index(op.f("ix_review_queues_dataset_id"), "review_queues", ["dataset_id"])
    op.create_index(
        op.f("ix_review_queues_project_id_created_at_id"),
        "review_queues",
        ["project_id", "created_at", "id"],
    )
    op.create_table(
        "review_duties",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("duty", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_review_duties_principal_id_principals"),
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["review_queues.id"], name=op.f("fk_review_duties_queue_id_review_queues")
        ),
        sa.PrimaryKeyConstraint("queue_id", "principal_id", "duty", name=op.f("pk_review_duties")),
    )


def _make_items() -> None:
    op.create_table(
        "review_items",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.Column("suggested_label", sa.Integer(), nullable=True),
        sa.Column("suggested_value", sa.Double(), nullable=True),
        sa.Column("priority", sa.Double(), nullable=True),
        sa.Column("seats", sa.SmallInteger(), nullable=False),
        sa.Column("votes", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "is_open", sa.Boolean(), sa.Computed("seats > 0", persisted=True), nullable=False
        ),
        sa.Column("freed_at", moment, nullable=True),
        sa.Column("state", sa.String(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("settled_by", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("outcome_label", sa.Integer(), nullable=True),
        sa.Column("outcome_value", sa.Double(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("seats >= 0", name=op.f("ck_review_items_seats")),
        sa.PrimaryKeyConstraint("queue_id", "position", name=op.f("pk_review_items")),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index(
        "ix_review_items_freed",
        "review_items",
        ["queue_id", "freed_at"],
        postgresql_where=sa.text("freed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_review_items_open",
        "review_items",
        ["queue_id", "place"],
        postgresql_where=sa.text("is_open"),
    )
    op.create_index(
        op.f("ix_review_items_queue_id_given_label_suggested_label_place"),
        "review_items",
        ["queue_id", "given_label", "suggested_label", "place"],
    )
    op.create_index(op.f("ix_review_items_queue_id_place"), "review_items", ["queue_id", "place"])
    op.create_index(
        "ix_review_items_settled",
        "review_items",
        ["queue_id", "outcome", "given_label", "outcome_label", "place"],
        postgresql_where=sa.text("outcome IS NOT NULL"),
    )
    op.create_table(
        "review_disputes",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("is_held", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("verdict_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["principals.id"], name=op.f("fk_review_disputes_decided_by_principals")
        ),
        sa.PrimaryKeyConstraint("queue_id", "position", name=op.f("pk_review_disputes")),
    )
    op.create_index(
        "ix_review_disputes_open",
        "review_disputes",
        ["queue_id", "place"],
        postgresql_where=sa.text("NOT is_held AND verdict_id IS NULL"),
    )


def _make_people() -> None:
    op.create_table(
        "review_claims",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("claimed_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("adjudicates", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint(
            "queue_id", "principal_id", "position", name=op.f("pk_review_claims")
        ),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.0,
            "autovacuum_vacuum_threshold": 1000,
        },
    )
    op.create_index(
        op.f("ix_review_claims_queue_id_expires_at"), "review_claims", ["queue_id", "expires_at"]
    )
    op.create_table(
        "review_desks",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("pending_at", moment, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("whole_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_review_desks_principal_id_principals"),
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["review_queues.id"], name=op.f("fk_review_desks_queue_id_review_queues")
        ),
        sa.PrimaryKeyConstraint("queue_id", "principal_id", name=op.f("pk_review_desks")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "review_tallies",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("decided", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("disputed", sa.Integer(), nullable=False),
        sa.Column("recent", sa.Double(), nullable=False),
        sa.Column("recent_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_review_tallies_principal_id_principals"),
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"],
            ["review_queues.id"],
            name=op.f("fk_review_tallies_queue_id_review_queues"),
        ),
        sa.PrimaryKeyConstraint("queue_id", "principal_id", "day", name=op.f("pk_review_tallies")),
        postgresql_with={"fillfactor": 50},
    )


def _make_verdicts() -> None:
    op.create_table(
        "review_votes",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("verdict_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "queue_id", "position", "principal_id", name=op.f("pk_review_votes")
        ),
    )
    op.create_index(
        "ix_review_votes_skipped",
        "review_votes",
        ["queue_id", "principal_id"],
        postgresql_where=sa.text("kind = 'skip'"),
    )
    op.create_table(
        "review_verdicts",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("seconds", sa.REAL(), nullable=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("adjudicates", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("counted", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("item_state", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_id", "principal_id"],
            ["review_desks.queue_id", "review_desks.principal_id"],
            name=op.f("fk_review_verdicts_queue_id_review_desks"),
        ),
        sa.PrimaryKeyConstraint("queue_id", "principal_id", "id", name=op.f("pk_review_verdicts")),
        sa.UniqueConstraint(
            "queue_id",
            "principal_id",
            "token",
            name=op.f("uq_review_verdicts_queue_id_principal_id_token"),
        ),
    )
    op.create_index(
        "ix_review_verdicts_batch_id",
        "review_verdicts",
        ["batch_id", "position"],
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_review_verdicts_queue_id_position_id"),
        "review_verdicts",
        ["queue_id", "position", "id"],
    )
    op.create_index(
        "uq_review_verdicts_undoes",
        "review_verdicts",
        ["queue_id", "undoes"],
        unique=True,
        postgresql_where=sa.text("undoes IS NOT NULL"),
    )
    # As with the audit log: against ourselves.
    op.execute(
        "CREATE FUNCTION refuse_to_rewrite_verdicts() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'review_verdicts is append-only'"
        " USING ERRCODE = 'insufficient_privilege'; END $$"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON review_verdicts"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_verdicts()"
    )


def _make_batches() -> None:
    op.create_table(
        "review_samples",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("selection", document, nullable=False),
        sa.Column("positions", document, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["principals.id"], name=op.f("fk_review_samples_created_by_principals")
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"],
            ["review_queues.id"],
            name=op.f("fk_review_samples_queue_id_review_queues"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_samples")),
    )
    op.create_index(op.f("ix_review_samples_queue_id"), "review_samples", ["queue_id"])
    op.create_table(
        "review_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("selection", document, nullable=False),
        sa.Column("verdict", document, nullable=False),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("sample_id", sa.Uuid(), nullable=True),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("undone_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["principals.id"], name=op.f("fk_review_batches_created_by_principals")
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"],
            ["review_queues.id"],
            name=op.f("fk_review_batches_queue_id_review_queues"),
        ),
        sa.ForeignKeyConstraint(
            ["sample_id"],
            ["review_samples.id"],
            name=op.f("fk_review_batches_sample_id_review_samples"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_batches")),
    )
    op.create_index(
        op.f("ix_review_batches_queue_id_created_at_id"),
        "review_batches",
        ["queue_id", "created_at", "id"],
    )


def downgrade() -> None:
    for table in (
        "batches",
        "samples",
        "verdicts",
        "votes",
        "tallies",
        "claims",
        "desks",
        "disputes",
        "items",
        "duties",
        "queues",
    ):
        op.drop_table(f"review_{table}")
    op.execute("DROP FUNCTION refuse_to_rewrite_verdicts()")
