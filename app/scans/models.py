from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Double, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class ScanStatus(StrEnum):
    queued = "queued"
    running = "running"
    finalising = "finalising"
    complete = "complete"
    failed = "failed"
    cancelled = "cancelled"


UNFINISHED = (ScanStatus.queued, ScanStatus.running, ScanStatus.finalising)


class ShardStatus(StrEnum):
    pending = "pending"
    leased = "leased"
    done = "done"


class Weighting(StrEnum):
    """How checkpoints are weighted in self-influence."""

    eta = "eta"
    equal = "equal"


class RankedScore(StrEnum):
    """The score that a scan ranks by."""

    self_influence = "self_influence"
    last_layer = "last_layer"
    loss = "loss"
    margin = "margin"
    el2n = "el2n"


class Precision(StrEnum):
    """How exactly a scan's gradients are computed."""

    full = "full"
    tf32 = "tf32"
    bf16 = "bf16"


class Scan(Base):
    """One scoring of a dataset with a training run."""

    __tablename__ = "scans"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("training_runs.id"), index=True)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"), index=True)
    layers: Mapped[list[str]]
    """["all"], ["last"], or names and patterns of layers; ["auto"] until it is planned."""

    @property
    def layer_choice(self) -> str | list[str]:
        """As it was asked for: `all`, `last`, `auto`, or the list."""
        is_word = self.layers in (["all"], ["last"], ["auto"])
        return self.layers[0] if is_word else self.layers

    checkpoint_ids: Mapped[list[str]]
    weighting: Mapped[str]
    score: Mapped[str]
    policy: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]

    status: Mapped[str] = mapped_column(default=ScanStatus.queued)
    failure: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    example_count: Mapped[int] = mapped_column(BigInteger)
    flagged_count: Mapped[int | None] = mapped_column(BigInteger)
    summary: Mapped[dict[str, Any] | None]
    """Distribution, class counts, class pairs, coverage: see workers/scanning/summary.py."""

    evidence: Mapped[dict[str, Any] | None]
    """Dimension and layers of the sketches to keep. Null: none."""
    sketches: Mapped[str | None]
    """Artifact with the sketches of all examples, (n, dimension) float32; set when complete."""
    fresh: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Compute everything, whatever earlier scans hold."""
    precision: Mapped[str] = mapped_column(default=Precision.full, server_default="full")
    canaries: Mapped[int] = mapped_column(default=0, server_default="0")
    """Examples to score as well with a wrong label, as positions from `example_count` on."""
    planted: Mapped[str | None]
    """Artifact that says which, and with what labels. Set by planning."""
    engine_key: Mapped[str | None]
    """Scans with the same key agree wherever example and checkpoint do. Set by planning."""
    reuse: Mapped[dict[str, Any] | None]
    """What comes from earlier scans: see workers/scanning/reuse.py. Null: nothing."""

    # The lease of planning (while queued) and of finalising.
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[uuid.UUID | None]
    lease_expires_at: Mapped[datetime | None]
    nudged_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "project_id", "created_at", "id"),
        Index(None, "project_id", "engine_key"),
        Index(
            "ix_scans_unfinished",
            "status",
            postgresql_where="status IN ('queued', 'running', 'finalising')",
        ),
    )


class Shard(Base):
    """A range of a scan's examples: what a worker leases, scores and commits as a whole."""

    __tablename__ = "scan_shards"

    scan_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    start: Mapped[int]
    stop: Mapped[int]
    status: Mapped[str] = mapped_column(default=ShardStatus.pending)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[uuid.UUID | None]
    lease_expires_at: Mapped[datetime | None]
    examples_done: Mapped[int] = mapped_column(default=0)
    artifact: Mapped[str | None]
    worker: Mapped[str | None]
    device: Mapped[str | None]
    computed: Mapped[int | None]
    """Results, example by checkpoint, that no earlier scan held."""
    engine_seconds: Mapped[float | None] = mapped_column(Double)
    last_error: Mapped[str | None]
    done_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_scan_shards_open",
            "scan_id",
            "number",
            postgresql_where="status <> 'done'",
        ),
    )


class Score(Base):
    """An example's result in a scan. Partitioned by scan."""

    __tablename__ = "scores"

    scan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    given_label: Mapped[int | None]
    given_target: Mapped[float | None] = mapped_column(Double)
    finite: Mapped[bool]
    """False: some gradient or loss was NaN or infinite; scores are null, never 0."""
    rank: Mapped[int | None]
    """1 is the most suspicious; null where not finite."""
    suspicion: Mapped[float | None] = mapped_column(Double)
    self_influence: Mapped[float | None] = mapped_column(Double)
    self_influence_equal: Mapped[float | None] = mapped_column(Double)
    last_layer: Mapped[float | None] = mapped_column(Double)
    loss: Mapped[float | None] = mapped_column(Double)
    margin: Mapped[float | None] = mapped_column(Double)
    el2n: Mapped[float | None] = mapped_column(Double)
    predicted_label: Mapped[int | None]
    predicted_value: Mapped[float | None] = mapped_column(Double)
    probability: Mapped[float | None] = mapped_column(Double)
    """Of the predicted label, mean over checkpoints."""
    given_probability: Mapped[float | None] = mapped_column(Double)
    terms: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    """Squared gradient norm at each checkpoint, in the order of their steps."""

    __table_args__ = (
        Index(None, "scan_id", "rank"),
        Index(None, "scan_id", "given_label", "rank"),
        {"postgresql_partition_by": "HASH (scan_id)"},
    )


class Flag(Base):
    """An example that a scan's policy holds for likely mislabelled."""

    __tablename__ = "flags"

    scan_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    rank: Mapped[int]
    suspicion: Mapped[float] = mapped_column(Double)
    given_label: Mapped[int | None]
    suggested_label: Mapped[int | None]
    suggested_value: Mapped[float | None] = mapped_column(Double)
    reason: Mapped[str]

    __table_args__ = (
        Index(None, "scan_id", "rank"),
        Index(None, "scan_id", "given_label", "rank"),
    )
