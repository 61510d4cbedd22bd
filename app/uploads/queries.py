"""SQL of uploads."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.jobs.models import JobStatus
from app.uploads.models import Upload, UploadPart, UploadStatus


def upload(db: Session, project_id: uuid.UUID, upload_id: uuid.UUID) -> Upload | None:
    return db.scalar(select(Upload).where(Upload.id == upload_id, Upload.project_id == project_id))


def upload_by_id(db: Session, upload_id: uuid.UUID) -> Upload | None:
    return db.get(Upload, upload_id)


def same_file(
    db: Session, project_id: uuid.UUID, sha256: str, size: int, ending: str
) -> Upload | None:
    """The project's latest upload of the same content that has not failed."""
    return db.scalar(
        select(Upload)
        .where(
            Upload.project_id == project_id,
            Upload.sha256 == sha256,
            Upload.size == size,
            Upload.place.endswith(ending, autoescape=True),
            Upload.status != UploadStatus.failed.value,
        )
        .order_by(Upload.created_at.desc())
        .limit(1)
    )


def uploads_newest_first(
    db: Session, project_id: uuid.UUID, *, after: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[Upload]:
    query = select(Upload).where(Upload.project_id == project_id)
    if after is not None:
        query = query.where(tuple_(Upload.created_at, Upload.id) < after)
    return db.scalars(query.order_by(Upload.created_at.desc(), Upload.id.desc()).limit(limit)).all()


def put_part(db: Session, upload_id: uuid.UUID, number: int) -> None:
    db.execute(
        insert(UploadPart).values(upload_id=upload_id, number=number).on_conflict_do_nothing()
    )


def missing_parts(db: Session, upload_id: uuid.UUID, part_count: int, limit: int) -> list[int]:
    """Numbers of the parts that are not there, ascending."""
    found = db.scalars(
        text("""
            SELECT number FROM generate_series(0, :count - 1) number
            WHERE NOT EXISTS (
                SELECT FROM upload_parts part
                WHERE part.upload_id = :upload AND part.number = number.number
            )
            ORDER BY number LIMIT :limit
        """),
        {"upload": upload_id, "count": part_count, "limit": limit},
    )
    return list(found)


def part_count(db: Session, upload_id: uuid.UUID) -> int:
    return db.scalars(
        select(func.count()).select_from(UploadPart).where(UploadPart.upload_id == upload_id)
    ).one()


def begin_assembling(db: Session, upload_id: uuid.UUID) -> bool:
    """From receiving to queued; False if it was not receiving."""
    return bool(
        db.scalar(
            update(Upload)
            .where(Upload.id == upload_id, Upload.status == UploadStatus.receiving.value)
            .values(status=JobStatus.queued.value, nudged_at=func.now())
            .returning(Upload.id)
        )
    )


def delete_abandoned(db: Session, age: timedelta) -> Sequence[Upload]:
    """Uploads that failed, or that nobody sent a part of for so long; returns them."""
    latest = (
        select(func.max(UploadPart.at)).where(UploadPart.upload_id == Upload.id).scalar_subquery()
    )
    return db.scalars(
        delete(Upload)
        .where(
            Upload.status.in_((UploadStatus.receiving.value, UploadStatus.failed.value)),
            func.coalesce(latest, Upload.created_at) < func.now() - age,
        )
        .returning(Upload)
        .execution_options(synchronize_session=False)
    ).all()


def drop_parts(db: Session, upload_id: uuid.UUID) -> None:
    db.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
