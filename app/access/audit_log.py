"""Reading the audit log. Writing it is `service.audit`; the database refuses any other change."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.access import audit_queries as queries
from app.access.models import AuditEntry
from app.access.service import Caller
from app.paging import cut_page, decode_cursor, parse_number

_PRINCIPALS_OFFERED = 500


def list_entries(
    db: Session,
    caller: Caller,
    *,
    principal_id: UUID | None = None,
    action: str | None = None,
    after: str | None = None,
    limit: int,
) -> tuple[list[AuditEntry], str | None]:
    """A project's entries, the newest first.

    Raises:
        CursorInvalid: `after` is not the cursor of a page of this log.
    """
    cursor = decode_cursor(after, parse_number)
    asked = queries.entries_asked(
        caller.project_id,
        principal_id=principal_id,
        action=action,
        before=cursor[0] if cursor else None,
        limit=limit + 1,
    )
    rows = queries.entries(db, asked)
    return cut_page(rows, limit, lambda row: (row.id,))


def actions(db: Session, caller: Caller) -> list[str]:
    """What there is to filter by."""
    return queries.actions(db, caller.project_id)


def principals(db: Session, caller: Caller) -> list[tuple[UUID, str]]:
    """Whom there is to filter by: id and name, people first."""
    rows = queries.principals(db, caller.project_id, _PRINCIPALS_OFFERED)
    return [(each, name if kind == "person" else f"key {name}") for each, kind, name in rows]
