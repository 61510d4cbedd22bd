"""Every SQL statement about keys, sessions, idempotency and the audit log."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.access.models import ApiKey, BrowserSession, IdempotentRequest, SignInLink
from app.projects.models import Project


def live_key(db: Session, secret_hash: str, at: datetime) -> tuple[ApiKey, Project] | None:
    row = db.execute(
        select(ApiKey, Project)
        .join(Project, Project.id == ApiKey.project_id)
        .where(
            ApiKey.secret_hash == secret_hash,
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at),
        )
    ).first()
    return None if row is None else (row[0], row[1])


def live_session(
    db: Session, secret_hash: str, at: datetime
) -> tuple[BrowserSession, Project] | None:
    row = db.execute(
        select(BrowserSession, Project)
        .join(Project, Project.id == BrowserSession.project_id)
        .outerjoin(ApiKey, ApiKey.id == BrowserSession.api_key_id)
        .where(
            BrowserSession.secret_hash == secret_hash,
            BrowserSession.ended_at.is_(None),
            BrowserSession.expires_at > at,
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at),
        )
    ).first()
    return None if row is None else (row[0], row[1])


def spend_link(db: Session, secret_hash: str, at: datetime) -> SignInLink | None:
    """Mark a link used and return it; None if it is unknown, used before or too old."""
    return db.scalar(
        update(SignInLink)
        .where(
            SignInLink.secret_hash == secret_hash,
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > at,
        )
        .values(used_at=at)
        .returning(SignInLink)
    )


def end_session(db: Session, session_id: uuid.UUID, at: datetime) -> None:
    db.execute(update(BrowserSession).where(BrowserSession.id == session_id).values(ended_at=at))


def begin_idempotent_request(
    db: Session, project_id: uuid.UUID, key: str, request_hash: str
) -> bool:
    """True if this transaction now owns the key.

    A concurrent holder of the same key is waited for: Postgres blocks the insert until that
    transaction ends, so two equal requests at once never both run.
    """
    inserted = db.scalar(
        insert(IdempotentRequest)
        .values(project_id=project_id, key=key, request_hash=request_hash)
        .on_conflict_do_nothing()
        .returning(IdempotentRequest.key)
    )
    return inserted is not None


def idempotent_request(db: Session, project_id: uuid.UUID, key: str) -> IdempotentRequest | None:
    return db.get(IdempotentRequest, (project_id, key))


def finish_idempotent_request(
    db: Session, project_id: uuid.UUID, key: str, body: dict[str, Any]
) -> None:
    db.execute(
        update(IdempotentRequest)
        .where(IdempotentRequest.project_id == project_id, IdempotentRequest.key == key)
        .values(body=body)
    )
