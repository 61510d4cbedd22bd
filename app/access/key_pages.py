"""The API keys of a project, for its admins."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access import keys
from app.access.guards import FormAdmin, PageAdmin
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.frame import page, project_url, with_query
from app.db import ReadSession, WriteSession, reading, transaction
from app.paging import decode_time_cursor

router = APIRouter(include_in_schema=False)
_SHOWN = 50
_LIVES = ((30, "30 days"), (90, "90 days"), (365, "a year"), (0, "no end"))


@router.get("/keys")
def list_keys(
    caller: PageAdmin, db: ReadSession, after: str | None = None, done: str = ""
) -> Response:
    said = "The key is revoked: it opens nothing any more." if done == "revoked" else None
    return _keys_page(db, caller, after=after, done=said)


@router.post("/keys")
def create_key(
    caller: FormAdmin,
    name: Annotated[str, Form(min_length=1, max_length=200, pattern=r"^[^\x00]*$")],
    role: Annotated[Role, Form()] = Role.engineer,
    read_only: Annotated[bool, Form()] = False,
    days: Annotated[int, Form(ge=0, le=keys.LONGEST_DAYS)] = 90,
) -> Response:
    """The key is shown by this answer and never again, so no other page follows."""
    with transaction() as db:
        made = keys.create_key_as(
            db,
            caller,
            name=" ".join(name.split()) or "unnamed",
            role=role,
            read_only=read_only,
            days=days or None,
        )
    with reading() as db:
        return _keys_page(db, caller, secret=made.secret)


@router.post("/keys/{key_id}/revoke")
def revoke_key(key_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises KeyNotFound."""
    keys.revoke_key(db, caller, key_id)
    return RedirectResponse(f"{project_url(caller)}/keys?done=revoked", 303)


def _keys_page(
    db: Session,
    caller: Caller,
    *,
    after: str | None = None,
    done: str | None = None,
    secret: str | None = None,
) -> Response:
    rows, following = keys.list_keys(
        db, caller.project_id, after=decode_time_cursor(after), limit=_SHOWN
    )
    url = f"{project_url(caller)}/keys"
    return page(
        "access/keys.html",
        title="API keys",
        caller=caller,
        section="people",
        keys=rows,
        roles=[role.value for role in Role],
        lives=_LIVES,
        first_url=url if after else None,
        next_url=with_query(url, after=following) if following else None,
        done=done,
        secret=secret,
    )
