from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.jobs.models import Job


class ExportKind(StrEnum):
    patch = "patch"
    """What was changed: key, old, new, who, when, why."""
    dataset = "dataset"
    """The data set with its corrections, in its own format."""
    cleanlab = "cleanlab"
    """A scan's results as cleanlab's table of label issues."""
    evidence = "evidence"
    """All that an auditor needs, in one signed archive."""
    label_studio = "label-studio"
    """What is to be looked at, as tasks for Label Studio."""
    argilla = "argilla"
    """The same as records for Argilla."""

    @property
    def is_for_annotators(self) -> bool:
        return self in (ExportKind.label_studio, ExportKind.argilla)


class TableFormat(StrEnum):
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class Export(Job, Base):
    """Files made of a dataset and what people decided about it.

    Its request is an `ExportIn` with the queues named, its result a `Card`.
    """

    __tablename__ = "exports"

    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"))
    kind: Mapped[str]
    rows_done: Mapped[int] = mapped_column(BigInteger, default=0)
    progress: Mapped[dict[str, Any] | None]
    """What a next worker goes on from: see `workers/exports/progress.py`."""

    __table_args__ = (
        Index(None, "project_id", "created_at", "id"),
        Index(None, "dataset_id", "created_at", "id"),
        Index(
            "ix_exports_unfinished",
            "status",
            postgresql_where="status IN ('queued', 'running')",
        ),
    )
