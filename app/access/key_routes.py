"""API keys of a project, over HTTP."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access import keys
from app.access.errors import KeyNotFound
from app.access.guards import Admin
from app.access.key_schemas import KeyIn, KeyOut, NewKeyOut
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.schemas import Page

router = APIRouter(prefix="/keys", tags=["keys"])


# The answer holds a secret, which is not kept for repeats: no Idempotency-Key here.
@router.post("", status_code=201, response_model=NewKeyOut)
def create_key(body: KeyIn, caller: Admin, db: WriteSession) -> NewKeyOut:
    """Make a key of this project. The key itself is told in this answer and never again."""
    made = keys.create_key_as(
        db, caller, name=body.name, role=body.role, read_only=body.read_only, days=body.days
    )
    return NewKeyOut(
        id=made.id,
        name=body.name,
        role=body.role,
        read_only=body.read_only,
        expires_at=made.expires_at,
        key=made.secret,
    )


@router.get("", response_model=Page[KeyOut])
def list_keys(
    caller: Admin, db: ReadSession, after: PageAfter = None, limit: PageLimit = 100
) -> Page[KeyOut]:
    """The project's keys that are neither revoked nor expired, the newest first."""
    rows, following = keys.list_keys(
        db, caller.project_id, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=[KeyOut.model_validate(row) for row in rows], next=following)


@router.delete("/{key_id}", status_code=204, responses=problems(KeyNotFound))
def revoke_key(key_id: UUID, caller: Admin, db: WriteSession) -> None:
    """End a key at once, and every browser session begun with it."""
    keys.revoke_key(db, caller, key_id)
