from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class EstimateStatus(StrEnum):
    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"


class ScanEstimate(Base):
    """What a scan would cost, found by a dry run. Kept for a day."""

    __tablename__ = "scan_estimates"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("training_runs.id"), index=True)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"), index=True)
    checkpoint_ids: Mapped[list[str]]
    """As a scan started at the same moment would have them."""
    request: Mapped[dict[str, Any]]
    """The body that starts the scan."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]

    status: Mapped[str] = mapped_column(default=EstimateStatus.queued)
    failure: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    """An `EstimateResult`."""

    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[uuid.UUID | None]
    lease_expires_at: Mapped[datetime | None]
    nudged_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "project_id", "created_at"),
        Index(
            "ix_scan_estimates_unfinished",
            "status",
            postgresql_where="status IN ('queued', 'running')",
        ),
    )
