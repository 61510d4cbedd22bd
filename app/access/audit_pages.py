"""The audit log, for the admins of a project."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access import audit_log
from app.access.guards import PageAdmin
from app.dashboard.frame import page, project_url, with_query
from app.db import ReadSession


def _said(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


router = APIRouter(include_in_schema=False)
_SHOWN = 100


@router.get("/log")
def list_entries(
    caller: PageAdmin,
    db: ReadSession,
    who: UUID | None = None,
    action: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")] = None,
    after: str | None = None,
) -> Response:
    rows, following = audit_log.list_entries(
        db, caller, principal_id=who, action=action, after=after, limit=_SHOWN
    )
    url = f"{project_url(caller)}/log"
    entries = [
        {
            "at": row.at,
            "caller": row.caller,
            "url": with_query(url, who=row.principal_id) if row.principal_id else None,
            "action": row.action.replace("_", " "),
            "subject": row.subject,
            "details": ", ".join(
                f"{name.replace('_', ' ')}: {_said(value)}"
                for name, value in sorted(row.details.items())
                if value is not None
            ),
        }
        for row in rows
    ]
    return page(
        "access/log.html",
        title="Log",
        caller=caller,
        section="people",
        entries=entries,
        who=who,
        action=action,
        principals=audit_log.principals(db, caller),
        actions=audit_log.actions(db, caller),
        url=url,
        is_filtered=bool(who or action),
        first_url=with_query(url, who=who, action=action) if after else None,
        next_url=with_query(url, who=who, action=action, after=following) if following else None,
    )
