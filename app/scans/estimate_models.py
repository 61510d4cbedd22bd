from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.jobs.models import Job


class ScanEstimate(Job, Base):
    """What a scan would cost, found by a dry run.

    Its request is the body that starts the scan, its result an `EstimateResult`.
    """

    __tablename__ = "scan_estimates"

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("training_runs.id"), index=True)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"), index=True)
    checkpoint_ids: Mapped[list[str]]
    """As a scan started at the same moment would have them."""

    __table_args__ = (
        Index(None, "project_id", "created_at"),
        Index(
            "ix_scan_estimates_unfinished",
            "status",
            postgresql_where="status IN ('queued', 'running')",
        ),
    )
