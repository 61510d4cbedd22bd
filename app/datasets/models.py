from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class Task(StrEnum):
    classification = "classification"
    regression = "regression"


class Format(StrEnum):
    parquet = "parquet"
    csv = "csv"
    npz = "npz"
    image_folder = "image_folder"


class Modality(StrEnum):
    image = "image"
    table = "table"
    text = "text"


class BadRows(StrEnum):
    """What indexing does when a row cannot be used."""

    fail = "fail"
    skip = "skip"


class DatasetStatus(StrEnum):
    registered = "registered"
    indexing = "indexing"
    ready = "ready"
    failed = "failed"


class Dataset(Base):
    """An immutable registered version of a data set."""

    __tablename__ = "datasets"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    version: Mapped[str]
    uri: Mapped[str]
    format: Mapped[str]
    task: Mapped[str]
    modality: Mapped[str | None]
    columns: Mapped[dict[str, Any] | None]
    classes: Mapped[list[str] | None]
    on_bad_rows: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("datasets.id"))
    """The version that it is a correction of."""
    export_id: Mapped[uuid.UUID | None]
    """The export that wrote it: it lies in the artifact store."""

    # Written by indexing, all at once.
    status: Mapped[str] = mapped_column(default=DatasetStatus.registered)
    failure: Mapped[dict[str, Any] | None]
    example_count: Mapped[int | None] = mapped_column(BigInteger)
    rejected_count: Mapped[int | None] = mapped_column(BigInteger)
    class_counts: Mapped[dict[str, Any] | None]
    input_names: Mapped[list[str] | None]
    fingerprint: Mapped[str | None]
    store: Mapped[str | None]
    """Name of the example store in the artifact store."""
    ready_at: Mapped[datetime | None]

    # The lease of the indexing job (see app/leases.py).
    rows_done: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[uuid.UUID | None]
    lease_expires_at: Mapped[datetime | None]
    nudged_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("project_id", "name", "version"),
        Index(None, "project_id", "created_at", "id"),
        Index(
            "ix_datasets_unfinished",
            "status",
            postgresql_where="status IN ('registered', 'indexing')",
        ),
    )


class RejectedRow(Base):
    """A row that indexing could not use; the first ones of a data set, with the reason."""

    __tablename__ = "rejected_rows"

    dataset_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
    )
    row: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    key: Mapped[str | None]
    reason: Mapped[str]


class Example(Base):
    """One accepted row of a data set."""

    __tablename__ = "examples"

    dataset_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    given_label: Mapped[int | None]
    """Index into the data set's classes; null in regression."""
    given_target: Mapped[float | None]
    """The number to predict; null in classification."""

    __table_args__ = (UniqueConstraint("dataset_id", "key"),)
