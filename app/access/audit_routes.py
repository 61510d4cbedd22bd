"""The audit log, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from app.access import audit_log
from app.access.guards import Admin
from app.db import ReadSession
from app.errors import problems
from app.paging import CursorInvalid, PageAfter, PageLimit
from app.schemas import Out, Page

router = APIRouter(prefix="/log", tags=["audit"])


class EntryOut(Out):
    id: int
    at: datetime
    principal_id: UUID | None = Field(description="Null for an operator at the command line.")
    caller: str = Field(description="What they were called then.")
    action: str
    subject: str
    details: dict[str, Any]


@router.get("", response_model=Page[EntryOut], responses=problems(CursorInvalid))
def list_entries(
    caller: Admin,
    db: ReadSession,
    principal_id: UUID | None = None,
    action: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")] = None,
    after: PageAfter = None,
    limit: PageLimit = 100,
) -> Page[EntryOut]:
    """Every change in the project, the newest first. Entries are never changed or removed."""
    rows, following = audit_log.list_entries(
        db, caller, principal_id=principal_id, action=action, after=after, limit=limit
    )
    return Page(items=[EntryOut.model_validate(row) for row in rows], next=following)
