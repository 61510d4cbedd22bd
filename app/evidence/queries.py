"""Every SQL statement about questions of evidence."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.evidence.models import EvidenceRequest


def request(db: Session, scan_id: uuid.UUID, request_id: uuid.UUID) -> EvidenceRequest | None:
    return db.scalar(
        select(EvidenceRequest).where(
            EvidenceRequest.scan_id == scan_id, EvidenceRequest.id == request_id
        )
    )


def delete_older(db: Session, project_id: uuid.UUID, age: timedelta) -> None:
    db.execute(
        delete(EvidenceRequest).where(
            EvidenceRequest.project_id == project_id,
            EvidenceRequest.created_at < func.now() - age,
        )
    )
