"""Every SQL statement that reads the audit log."""

from __future__ import annotations

import uuid

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from app.access.models import ApiKey, AuditEntry, Membership, Principal

# The log has few actions and many rows: one step of the index for each action, not one for each
# row, as DISTINCT would take.
_ACTIONS = text("""
WITH RECURSIVE found (action) AS (
    SELECT min(action) FROM audit_entries WHERE project_id = :project
    UNION ALL
    SELECT (
        SELECT min(action) FROM audit_entries
        WHERE project_id = :project AND action > found.action
    )
    FROM found WHERE found.action IS NOT NULL
)
SELECT action FROM found WHERE action IS NOT NULL
""")


def entries_asked(
    project_id: uuid.UUID,
    *,
    principal_id: uuid.UUID | None,
    action: str | None,
    before: int | None,
    limit: int,
) -> Select[AuditEntry]:
    """Entries, the newest first, from below the id `before`."""
    asked = (
        select(AuditEntry)
        .where(AuditEntry.project_id == project_id)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    if principal_id is not None:
        asked = asked.where(AuditEntry.principal_id == principal_id)
    if action is not None:
        asked = asked.where(AuditEntry.action == action)
    if before is not None:
        asked = asked.where(AuditEntry.id < before)
    return asked


def entries(db: Session, asked: Select[AuditEntry]) -> list[AuditEntry]:
    return list(db.scalars(asked))


def actions(db: Session, project_id: uuid.UUID) -> list[str]:
    """The actions that the project's log has."""
    return list(db.scalars(_ACTIONS, {"project": project_id}))


def principals(db: Session, project_id: uuid.UUID, limit: int) -> list[tuple[uuid.UUID, str, str]]:
    """Id, kind and name of who may act in the project, or could once with a key."""
    people = select(Membership.person_id).where(Membership.project_id == project_id)
    keys = select(ApiKey.id).where(ApiKey.project_id == project_id)
    rows = db.execute(
        select(Principal.id, Principal.kind, Principal.name)
        .where(Principal.id.in_(people.union_all(keys)))
        .order_by(Principal.kind.desc(), Principal.name, Principal.id)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]
