"""Every SQL statement about datasets and their examples."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, DatasetStatus, Example, RejectedRow
from app.db import copy_csv

_UNFINISHED = (DatasetStatus.registered.value, DatasetStatus.indexing.value)


def add_dataset(db: Session, values: dict[str, Any]) -> Dataset | None:
    """The new dataset, or None if this name and version exist."""
    return db.scalar(
        insert(Dataset)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["project_id", "name", "version"])
        .returning(Dataset)
    )


def dataset(db: Session, project_id: uuid.UUID, dataset_id: uuid.UUID) -> Dataset | None:
    return db.scalar(
        select(Dataset).where(Dataset.project_id == project_id, Dataset.id == dataset_id)
    )


def version_exists(db: Session, project_id: uuid.UUID, name: str, version: str) -> bool:
    query = select(Dataset.id).where(
        Dataset.project_id == project_id, Dataset.name == name, Dataset.version == version
    )
    return db.scalar(query) is not None


def datasets_by_id(db: Session, ids: Sequence[uuid.UUID]) -> Sequence[Dataset]:
    return db.scalars(select(Dataset).where(Dataset.id.in_(ids))).all()


def dataset_by_id(db: Session, dataset_id: uuid.UUID) -> Dataset | None:
    return db.get(Dataset, dataset_id)


def datasets_newest_first(
    db: Session,
    project_id: uuid.UUID,
    *,
    name: str | None,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[Dataset]:
    query = select(Dataset).where(Dataset.project_id == project_id)
    if name is not None:
        query = query.where(Dataset.name == name)
    if after is not None:
        query = query.where(tuple_(Dataset.created_at, Dataset.id) < after)
    order = (Dataset.created_at.desc(), Dataset.id.desc())
    return db.scalars(query.order_by(*order).limit(limit)).all()


def rejected_rows(
    db: Session, dataset_id: uuid.UUID, *, after: int | None, limit: int
) -> Sequence[RejectedRow]:
    query = select(RejectedRow).where(RejectedRow.dataset_id == dataset_id)
    if after is not None:
        query = query.where(RejectedRow.row > after)
    return db.scalars(query.order_by(RejectedRow.row).limit(limit)).all()


def example_at(
    db: Session, dataset_id: uuid.UUID, position: int
) -> Row[int, str, int | None, float | None] | None:
    return db.execute(
        select(Example.position, Example.key, Example.given_label, Example.given_target).where(
            Example.dataset_id == dataset_id, Example.position == position
        )
    ).first()


def position_of_key(db: Session, dataset_id: uuid.UUID, key: str) -> int | None:
    return db.scalar(
        select(Example.position).where(Example.dataset_id == dataset_id, Example.key == key)
    )


def lease_indexing(
    db: Session, dataset_id: uuid.UUID, token: uuid.UUID, ttl_s: float
) -> Dataset | None:
    """Take the indexing job if nobody holds it. The clock is the database's alone."""
    return db.scalar(
        update(Dataset)
        .where(
            Dataset.id == dataset_id,
            Dataset.status.in_(_UNFINISHED),
            or_(Dataset.lease_token.is_(None), Dataset.lease_expires_at < func.now()),
        )
        .values(
            status=DatasetStatus.indexing,
            lease_token=token,
            lease_expires_at=func.now() + timedelta(seconds=ttl_s),
            attempts=Dataset.attempts + 1,
            rows_done=0,
        )
        .returning(Dataset)
    )


def renew_indexing(
    db: Session, dataset_id: uuid.UUID, token: uuid.UUID, ttl_s: float, rows_done: int
) -> bool:
    return bool(
        db.scalar(
            update(Dataset)
            .where(Dataset.id == dataset_id, Dataset.lease_token == token)
            .values(lease_expires_at=func.now() + timedelta(seconds=ttl_s), rows_done=rows_done)
            .returning(Dataset.id)
        )
    )


def finish_indexing(
    db: Session, dataset_id: uuid.UUID, token: uuid.UUID, values: dict[str, Any]
) -> bool:
    """Write the outcome if the token still holds; says whether it did."""
    return bool(
        db.scalar(
            update(Dataset)
            .where(Dataset.id == dataset_id, Dataset.lease_token == token)
            .values(lease_token=None, lease_expires_at=None, **values)
            .returning(Dataset.id)
        )
    )


def reset_indexing(db: Session, dataset_id: uuid.UUID) -> bool:
    """Put a failed dataset back to the start; says whether it had failed."""
    reset = db.scalar(
        update(Dataset)
        .where(Dataset.id == dataset_id, Dataset.status == DatasetStatus.failed)
        .values(
            status=DatasetStatus.registered, failure=None, attempts=0, rows_done=0, nudged_at=None
        )
        .returning(Dataset.id)
    )
    if reset is None:
        return False
    db.execute(delete(RejectedRow).where(RejectedRow.dataset_id == dataset_id))
    return True


def forgotten_indexing(db: Session, silent_s: float) -> Sequence[uuid.UUID]:
    """Datasets to be indexed that nobody holds and nobody was nudged about lately; marks them."""
    return db.scalars(
        update(Dataset)
        .where(
            Dataset.status.in_(_UNFINISHED),
            or_(Dataset.lease_token.is_(None), Dataset.lease_expires_at < func.now()),
            or_(
                Dataset.nudged_at.is_(None),
                Dataset.nudged_at < func.now() - timedelta(seconds=silent_s),
            ),
        )
        .values(nudged_at=func.now())
        .returning(Dataset.id)
    ).all()


def dataset_ids(db: Session) -> Sequence[uuid.UUID]:
    return db.scalars(select(Dataset.id)).all()


def store_and_lease(
    db: Session, dataset_id: uuid.UUID
) -> Sequence[Row[str | None, uuid.UUID | None]]:
    """The example store's name and the token of the lease on indexing, of one moment."""
    query = select(Dataset.store, Dataset.lease_token).where(Dataset.id == dataset_id)
    return db.execute(query).all()


def copy_examples(db: Session, dataset_id: uuid.UUID, csv_chunks: Iterable[bytes]) -> None:
    """COPY examples in; each chunk is CSV lines of dataset_id, position, key, label, target."""
    db.execute(delete(Example).where(Example.dataset_id == dataset_id))
    columns = ("dataset_id", "position", "key", "given_label", "given_target")
    copy_csv(db, "examples", columns, csv_chunks)


def add_rejected_rows(
    db: Session, dataset_id: uuid.UUID, rows: Sequence[tuple[int, str | None, str]]
) -> None:
    db.execute(delete(RejectedRow).where(RejectedRow.dataset_id == dataset_id))
    if rows:
        db.execute(
            insert(RejectedRow),
            [
                {"dataset_id": dataset_id, "row": row, "key": key, "reason": reason}
                for row, key, reason in rows
            ],
        )
