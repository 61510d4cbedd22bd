"""Every SQL statement about exports but their leases, which are any small job's."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from app.exports.models import Export
from app.jobs.models import JobStatus


def export(db: Session, project_id: uuid.UUID, export_id: uuid.UUID) -> Export | None:
    return db.scalar(select(Export).where(Export.project_id == project_id, Export.id == export_id))


def files_of(db: Session, export_id: uuid.UUID) -> list[dict[str, Any]]:
    """The files of an export that is done, as its result lists them."""
    result = db.scalar(select(Export.result).where(Export.id == export_id))
    return list((result or {}).get("files", []))


def exports_newest_first(
    db: Session,
    project_id: uuid.UUID,
    *,
    dataset_id: uuid.UUID | None,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[Export]:
    query = select(Export).where(Export.project_id == project_id)
    if dataset_id is not None:
        query = query.where(Export.dataset_id == dataset_id)
    if after is not None:
        query = query.where(tuple_(Export.created_at, Export.id) < after)
    order = (Export.created_at.desc(), Export.id.desc())
    return db.scalars(query.order_by(*order).limit(limit)).all()


def save_progress(
    db: Session, export_id: uuid.UUID, token: uuid.UUID, progress: dict[str, Any], rows_done: int
) -> bool:
    """Keep what is done, if the token still holds; says whether it did.

    Tries are counted anew: an export that moves on is not what kills its workers.
    """
    return bool(
        db.scalar(
            update(Export)
            .where(Export.id == export_id, Export.lease_token == token)
            .values(progress=progress, rows_done=rows_done, attempts=1)
            .returning(Export.id)
        )
    )


def export_ids(db: Session) -> Sequence[uuid.UUID]:
    return db.scalars(select(Export.id)).all()


def artifacts_and_lease(
    db: Session, export_id: uuid.UUID
) -> list[tuple[str | None, uuid.UUID | None]]:
    """Names of the artifacts that count, and the token of the lease, of one moment.

    Nobody goes on with an export that failed: what it wrote counts no more.
    """
    query = select(Export.progress, Export.lease_token, Export.status)
    found = db.execute(query.where(Export.id == export_id)).one_or_none()
    if found is None or found.status == JobStatus.failed:
        return []
    names = (found.progress or {}).get("artifacts", [])
    return [(None, found.lease_token), *((name, None) for name in names)]
