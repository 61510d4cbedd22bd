from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class GatePolicy(Base):
    """A version of a named policy. Never changed: another text is another version."""

    __tablename__ = "gate_policies"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    version: Mapped[int]
    """From 1, for each name."""
    policy: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))

    __table_args__ = (
        UniqueConstraint("project_id", "name", "version"),
        Index(None, "project_id", "created_at", "id"),
    )


class GateEvaluation(Base):
    """A verdict, with all that it depends on: the same inputs give the same result at any time."""

    __tablename__ = "gate_evaluations"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    policy_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("gate_policies.id"))
    """Null: the policy came with the request."""
    gate: Mapped[str]
    """The policy's name."""
    gate_version: Mapped[int | None]
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"))
    scan_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("scans.id"))
    verdict: Mapped[str]
    inputs: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    evaluated_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))

    __table_args__ = (
        Index(None, "project_id", "at", "id"),
        Index(None, "project_id", "gate", "at", "id"),
        Index(None, "dataset_id", "at", "id"),
    )
