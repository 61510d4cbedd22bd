"""The people of a project, for its admins."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access import invitations, members
from app.access.errors import PersonInvalid
from app.access.guards import FormAdmin, PageAdmin
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.frame import page, project_url, with_query
from app.db import ReadSession, WriteSession, reading, transaction
from app.errors import ProblemError
from app.paging import decode_time_cursor
from app.settings import settings

router = APIRouter(include_in_schema=False)
_SHOWN = 50
_SAID = {
    "role": "The role is changed. It counts at once.",
    "removed": "The person is no longer in the project. What they did stays.",
    "revoked": "The invitation is withdrawn.",
}
_ROLES = (
    (Role.viewer, "sees everything"),
    (Role.reviewer, "also decides in reviews"),
    (Role.engineer, "also registers data and starts scans"),
    (Role.admin, "also lets people and keys in"),
)


@router.get("/people")
def people(
    caller: PageAdmin, db: ReadSession, after: str | None = None, done: str = ""
) -> Response:
    return _people_page(db, caller, after=after, done=_SAID.get(done))


@router.post("/people/invite")
def invite(
    caller: FormAdmin,
    role: Annotated[Role, Form()] = Role.reviewer,
    email: Annotated[str, Form(max_length=1000)] = "",
    days: Annotated[int, Form(ge=1, le=invitations.LONGEST_DAYS)] = invitations.DEFAULT_DAYS,
) -> Response:
    """The link is shown by this answer and never again, so no other page follows."""
    try:
        with transaction() as db:
            made = invitations.invite(db, caller, role=role, email=email.strip() or None, days=days)
    except PersonInvalid as error:
        with reading() as db:
            return _people_page(db, caller, problem=error, email=email)
    with reading() as db:
        whom = f" for {made.email}" if made.email else ""
        note = f"Invitation{whom} as {role.value}"
        return _people_page(db, caller, link=made.path, link_note=note)


@router.post("/people/{person_id}/role")
def change_role(
    person_id: UUID, caller: FormAdmin, db: WriteSession, role: Annotated[Role, Form()]
) -> Response:
    """Raises PersonNotFound, LastAdmin."""
    members.change_role(db, caller, person_id, role)
    return _back(caller, "role")


@router.post("/people/{person_id}/remove")
def remove(person_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises PersonNotFound, LastAdmin."""
    members.remove(db, caller, person_id)
    return _back(caller, "removed")


@router.post("/people/{person_id}/sign-in-link")
def create_sign_in_link(person_id: UUID, caller: FormAdmin) -> Response:
    """Raises PersonNotFound, NotAllowed."""
    with transaction() as db:
        path = members.create_sign_in_link(db, caller, person_id)
    with reading() as db:
        return _people_page(db, caller, link=path, link_note="Link that signs the person in, once")


@router.post("/invitations/{invitation_id}/revoke")
def revoke(invitation_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises InvitationNotFound."""
    invitations.revoke(db, caller, invitation_id)
    return _back(caller, "revoked")


def _back(caller: Caller, done: str) -> Response:
    return RedirectResponse(with_query(f"{project_url(caller)}/people", done=done), 303)


def _people_page(
    db: Session,
    caller: Caller,
    *,
    after: str | None = None,
    done: str | None = None,
    problem: ProblemError | None = None,
    email: str = "",
    link: str | None = None,
    link_note: str | None = None,
) -> Response:
    rows, following = members.list_people(db, caller, after=decode_time_cursor(after), limit=_SHOWN)
    waiting, _ = invitations.list_open(db, caller, after=None, limit=_SHOWN)
    url = f"{project_url(caller)}/people"
    values: dict[str, Any] = {
        "people": rows,
        "invitations": waiting,
        "me": caller.principal_id,
        "roles": _ROLES,
        "first_url": url if after else None,
        "next_url": with_query(url, after=following) if following else None,
        "done": done,
        "problem": None if problem is None else {"remedy": None} | problem.as_problem(),
        "email": email,
        "days": invitations.DEFAULT_DAYS,
        "longest_days": invitations.LONGEST_DAYS,
        "link": None if link is None else settings().public_url.rstrip("/") + link,
        "link_note": link_note,
    }
    return page(
        "access/people.html",
        title="People",
        caller=caller,
        section="people",
        status=200 if problem is None else problem.status,
        **values,
    )
