from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class Loss(StrEnum):
    cross_entropy = "cross_entropy"
    squared_error = "squared_error"


class CheckpointStatus(StrEnum):
    registered = "registered"
    ready = "ready"
    failed = "failed"


class TrainingRun(Base):
    """A dataset, a model specification, preprocessing and a loss."""

    __tablename__ = "training_runs"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"), index=True)
    name: Mapped[str]
    model: Mapped[dict[str, Any]]
    preprocessing: Mapped[dict[str, Any]]
    loss: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index(None, "project_id", "created_at", "id"),)


class Checkpoint(Base):
    """Saved weights at a step, with the learning rate in force there."""

    __tablename__ = "checkpoints"

    id: Mapped[uuid.UUID] = id_column()
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("training_runs.id"))
    uri: Mapped[str]
    step: Mapped[int] = mapped_column(BigInteger)
    eta: Mapped[float]
    sha256: Mapped[str | None]
    """As given at registration, else as found by the check."""
    created_at: Mapped[datetime] = mapped_column(default=now)

    # Written by the check: the file is read, refused if unsafe, and fitted to the model.
    status: Mapped[str] = mapped_column(default=CheckpointStatus.registered)
    failure: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(default=0)
    nudged_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("run_id", "step"),
        Index("ix_checkpoints_unchecked", "status", postgresql_where="status = 'registered'"),
    )
