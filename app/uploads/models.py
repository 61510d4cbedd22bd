from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, now
from app.jobs.models import Job, JobStatus


class UploadStatus(StrEnum):
    receiving = "receiving"
    """Parts are wanting. It is no job yet: nothing is to be done by a worker."""
    queued = JobStatus.queued.value
    running = JobStatus.running.value
    """A worker puts the parts together, and compares the whole with what was announced."""
    done = JobStatus.done.value
    failed = JobStatus.failed.value


class Upload(Job, Base):
    """A file, sent in parts. Its request is an `UploadIn`."""

    __tablename__ = "uploads"

    name: Mapped[str]
    """As the sender calls it; where it is kept has only the name's ending."""
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    part_bytes: Mapped[int]
    place: Mapped[str]
    """The artifact that it is, or becomes."""

    @property
    def part_count(self) -> int:
        return -(-self.size // self.part_bytes)

    __table_args__ = (
        Index(None, "project_id", "sha256", "size"),
        Index(None, "project_id", "created_at", "id"),
        Index(
            "ix_uploads_unfinished", "status", postgresql_where="status IN ('queued', 'running')"
        ),
    )


class UploadPart(Base):
    """A part that is in the artifact store."""

    __tablename__ = "upload_parts"

    upload_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
