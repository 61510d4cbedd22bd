"""Every SQL statement about questions of evidence."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.evidence.models import EvidenceRequest


def request(db: Session, scan_id: uuid.UUID, request_id: uuid.UUID) -> EvidenceRequest | None:
    return db.scalar(
        select(EvidenceRequest).where(
            EvidenceRequest.scan_id == scan_id, EvidenceRequest.id == request_id
        )
    )
