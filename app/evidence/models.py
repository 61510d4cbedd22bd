from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.jobs.models import Job


class EvidenceRequest(Job, Base):
    """A question about inputs that are not in the dataset: a worker must compute their gradients.

    Its request is a `NewInputsIn`, its result `{"inputs": [...]}`, an `EvidenceOut` for each.
    """

    __tablename__ = "evidence_requests"

    scan_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("scans.id", ondelete="CASCADE"), index=True
    )

    __table_args__ = (
        Index(None, "project_id", "created_at"),
        Index(
            "ix_evidence_requests_unfinished",
            "status",
            postgresql_where="status IN ('queued', 'running')",
        ),
    )
