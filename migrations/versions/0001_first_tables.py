"""First tables: projects, access, datasets, training runs, scans and their results.

Locks: none that matter, all tables are new.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

SCORE_PARTITIONS = 32


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "scores",
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.Column("given_target", sa.Double(), nullable=True),
        sa.Column("finite", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("suspicion", sa.Double(), nullable=True),
        sa.Column("self_influence", sa.Double(), nullable=True),
        sa.Column("self_influence_equal", sa.Double(), nullable=True),
        sa.Column("last_layer", sa.Double(), nullable=True),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("margin", sa.Double(), nullable=True),
        sa.Column("el2n", sa.Double(), nullable=True),
        sa.Column("predicted_label", sa.Integer(), nullable=True),
        sa.Column("predicted_value", sa.Double(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("given_probability", sa.Double(), nullable=True),
        sa.Column("terms", sa.ARRAY(sa.Double()), nullable=True),
        sa.PrimaryKeyConstraint("scan_id", "position", name=op.f("pk_scores")),
        postgresql_partition_by="HASH (scan_id)",
    )
    for number in range(SCORE_PARTITIONS):
        op.execute(
            f"CREATE TABLE scores_p{number:02} PARTITION OF scores "
            f"FOR VALUES WITH (MODULUS {SCORE_PARTITIONS}, REMAINDER {number})"
        )
    op.create_index(
        op.f("ix_scores_scan_id_given_label_rank"),
        "scores",
        ["scan_id", "given_label", "rank"],
        unique=False,
    )
    op.create_index(op.f("ix_scores_scan_id_rank"), "scores", ["scan_id", "rank"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_api_keys_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_index(op.f("ix_api_keys_project_id"), "api_keys", ["project_id"], unique=False)
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_audit_entries_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        op.f("ix_audit_entries_project_id_id"), "audit_entries", ["project_id", "id"], unique=False
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("uri", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=True),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("classes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("on_bad_rows", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("example_count", sa.BigInteger(), nullable=True),
        sa.Column("rejected_count", sa.BigInteger(), nullable=True),
        sa.Column("class_counts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("input_names", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("store", sa.String(), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nudged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_datasets_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint(
            "project_id", "name", "version", name=op.f("uq_datasets_project_id_name_version")
        ),
    )
    op.create_index(
        op.f("ix_datasets_project_id_created_at_id"),
        "datasets",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_datasets_unfinished",
        "datasets",
        ["status"],
        unique=False,
        postgresql_where="status IN ('registered', 'indexing')",
    )
    op.create_table(
        "idempotent_requests",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_idempotent_requests_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("project_id", "key", name=op.f("pk_idempotent_requests")),
    )
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_sign_in_links_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sign_in_links_secret_hash")),
    )
    op.create_index(
        op.f("ix_sign_in_links_project_id"), "sign_in_links", ["project_id"], unique=False
    )
    op.create_table(
        "browser_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("csrf_token", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("fk_browser_sessions_api_key_id_api_keys")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_browser_sessions_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_sessions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_browser_sessions_secret_hash")),
    )
    op.create_index(
        op.f("ix_browser_sessions_api_key_id"), "browser_sessions", ["api_key_id"], unique=False
    )
    op.create_index(
        op.f("ix_browser_sessions_project_id"), "browser_sessions", ["project_id"], unique=False
    )
    op.create_table(
        "examples",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.Column("given_target", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_examples_dataset_id_datasets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_examples")),
        sa.UniqueConstraint("dataset_id", "key", name=op.f("uq_examples_dataset_id_key")),
    )
    op.create_table(
        "rejected_rows",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_rejected_rows_dataset_id_datasets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "row", name=op.f("pk_rejected_rows")),
    )
    op.create_table(
        "training_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("model", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("preprocessing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("loss", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_training_runs_dataset_id_datasets")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_training_runs_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_runs")),
    )
    op.create_index(
        op.f("ix_training_runs_dataset_id"), "training_runs", ["dataset_id"], unique=False
    )
    op.create_index(
        op.f("ix_training_runs_project_id_created_at_id"),
        "training_runs",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("uri", sa.String(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("eta", sa.Double(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("nudged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["training_runs.id"], name=op.f("fk_checkpoints_run_id_training_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoints")),
        sa.UniqueConstraint("run_id", "step", name=op.f("uq_checkpoints_run_id_step")),
    )
    op.create_index(
        "ix_checkpoints_unchecked",
        "checkpoints",
        ["status"],
        unique=False,
        postgresql_where="status = 'registered'",
    )
    op.create_table(
        "scans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("layers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checkpoint_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("weighting", sa.String(), nullable=False),
        sa.Column("score", sa.String(), nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("example_count", sa.BigInteger(), nullable=False),
        sa.Column("flagged_count", sa.BigInteger(), nullable=True),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nudged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_scans_dataset_id_datasets")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_scans_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["training_runs.id"], name=op.f("fk_scans_run_id_training_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scans")),
    )
    op.create_index(op.f("ix_scans_dataset_id"), "scans", ["dataset_id"], unique=False)
    op.create_index(
        op.f("ix_scans_project_id_created_at_id"),
        "scans",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_scans_run_id"), "scans", ["run_id"], unique=False)
    op.create_index(
        "ix_scans_unfinished",
        "scans",
        ["status"],
        unique=False,
        postgresql_where="status IN ('queued', 'running', 'finalising')",
    )
    op.create_table(
        "flags",
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("suspicion", sa.Double(), nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.Column("suggested_label", sa.Integer(), nullable=True),
        sa.Column("suggested_value", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scan_id"], ["scans.id"], name=op.f("fk_flags_scan_id_scans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("scan_id", "position", name=op.f("pk_flags")),
    )
    op.create_index(
        op.f("ix_flags_scan_id_given_label_rank"),
        "flags",
        ["scan_id", "given_label", "rank"],
        unique=False,
    )
    op.create_index(op.f("ix_flags_scan_id_rank"), "flags", ["scan_id", "rank"], unique=False)
    op.create_table(
        "scan_shards",
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("stop", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("examples_done", sa.Integer(), nullable=False),
        sa.Column("artifact", sa.String(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["scan_id"], ["scans.id"], name=op.f("fk_scan_shards_scan_id_scans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("scan_id", "number", name=op.f("pk_scan_shards")),
    )
    op.create_index(
        "ix_scan_shards_open",
        "scan_shards",
        ["scan_id", "number"],
        unique=False,
        postgresql_where="status <> 'done'",
    )


def downgrade() -> None:
    op.drop_index(
        "ix_scan_shards_open", table_name="scan_shards", postgresql_where="status <> 'done'"
    )
    op.drop_table("scan_shards")
    op.drop_index(op.f("ix_flags_scan_id_rank"), table_name="flags")
    op.drop_index(op.f("ix_flags_scan_id_given_label_rank"), table_name="flags")
    op.drop_table("flags")
    op.drop_index(
        "ix_scans_unfinished",
        table_name="scans",
        postgresql_where="status IN ('queued', 'running', 'finalising')",
    )
    op.drop_index(op.f("ix_scans_run_id"), table_name="scans")
    op.drop_index(op.f("ix_scans_project_id_created_at_id"), table_name="scans")
    op.drop_index(op.f("ix_scans_dataset_id"), table_name="scans")
    op.drop_table("scans")
    op.drop_index(
        "ix_checkpoints_unchecked",
        table_name="checkpoints",
        postgresql_where="status = 'registered'",
    )
    op.drop_table("checkpoints")
    op.drop_index(op.f("ix_training_runs_project_id_created_at_id"), table_name="training_runs")
    op.drop_index(op.f("ix_training_runs_dataset_id"), table_name="training_runs")
    op.drop_table("training_runs")
    op.drop_table("rejected_rows")
    op.drop_table("examples")
    op.drop_index(op.f("ix_browser_sessions_project_id"), table_name="browser_sessions")
    op.drop_index(op.f("ix_browser_sessions_api_key_id"), table_name="browser_sessions")
    op.drop_table("browser_sessions")
    op.drop_index(op.f("ix_sign_in_links_project_id"), table_name="sign_in_links")
    op.drop_table("sign_in_links")
    op.drop_table("idempotent_requests")
    op.drop_index(
        "ix_datasets_unfinished",
        table_name="datasets",
        postgresql_where="status IN ('registered', 'indexing')",
    )
    op.drop_index(op.f("ix_datasets_project_id_created_at_id"), table_name="datasets")
    op.drop_table("datasets")
    op.drop_index(op.f("ix_audit_entries_project_id_id"), table_name="audit_entries")
    op.drop_table("audit_entries")
    op.drop_index(op.f("ix_api_keys_project_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index(op.f("ix_scores_scan_id_rank"), table_name="scores")
    op.drop_index(op.f("ix_scores_scan_id_given_label_rank"), table_name="scores")
    op.drop_table("scores")
    op.drop_table("projects")
