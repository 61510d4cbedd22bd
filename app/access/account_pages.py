"""One's own account: name and address, password, sessions, the project one is in."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access import accounts, limits, passwords
from app.access.browsers import browser_name
from app.access.errors import PersonInvalid, TooManyAttempts
from app.access.guards import FormSignedIn, PageSignedIn
from app.access.models import PrincipalKind
from app.access.sessions import SignedIn
from app.access.visitor import AnyVisitor
from app.dashboard.frame import Place, page, with_query
from app.db import ReadSession, WriteSession, reading, transaction

router = APIRouter(include_in_schema=False)
_SAID = {
    "profile": "Your name and address are changed.",
    "password": "Your password is changed. Every other session of yours has ended.",
    "session": "That session has ended.",
    "sessions": "Every other session of yours has ended.",
}


@router.get("/account")
def account(db: ReadSession, signed_in: PageSignedIn, done: str = "") -> Response:
    return _account_page(db, signed_in, done=_SAID.get(done))


@router.post("/account/profile")
def change_profile(
    signed_in: FormSignedIn,
    name: Annotated[str, Form(max_length=1000)] = "",
    email: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    try:
        with transaction() as db:
            accounts.change_profile(db, signed_in, name, email)
    except PersonInvalid as error:
        return _refused(signed_in, error)
    return _back("profile")


@router.post("/account/password")
def change_password(
    signed_in: FormSignedIn,
    visitor: AnyVisitor,
    current_password: Annotated[str, Form(max_length=10_000)] = "",
    password: Annotated[str, Form(max_length=10_000)] = "",
) -> Response:
    try:
        with transaction() as db:
            limits.spend(db, limits.attempt_to_change(signed_in.principal_id))
        with transaction() as db:
            accounts.change_password(db, signed_in, current_password, password, visitor)
    except (PersonInvalid, TooManyAttempts) as error:
        return _refused(signed_in, error)
    return _back("password")


@router.post("/account/sessions/end-others")
def end_other_sessions(db: WriteSession, signed_in: FormSignedIn) -> Response:
    accounts.end_other_sessions(db, signed_in)
    return _back("sessions")


@router.post("/account/sessions/{session_id}/end")
def end_session(session_id: UUID, db: WriteSession, signed_in: FormSignedIn) -> Response:
    """Raises SessionNotFound."""
    accounts.end_session(db, signed_in, session_id)
    return _back("session")


@router.post("/account/project")
def switch_project(
    db: WriteSession, signed_in: FormSignedIn, project: Annotated[str, Form()] = ""
) -> Response:
    """Raises ProjectNotFound."""
    name = accounts.switch_project(db, signed_in, project)
    return RedirectResponse(f"/projects/{quote(name)}/scans", 303)


def _back(done: str) -> Response:
    return RedirectResponse(with_query("/account", done=done), 303)


def _refused(signed_in: SignedIn, error: PersonInvalid | TooManyAttempts) -> Response:
    with reading() as db:
        return _account_page(db, signed_in, problem=error.as_problem(), status=error.status)


def _account_page(
    db: Session,
    signed_in: SignedIn,
    *,
    done: str | None = None,
    problem: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    sessions = [
        {
            "id": session.id,
            "browser": browser_name(session.user_agent),
            "address": session.address,
            "created_at": session.created_at,
            "begun_by": session.begun_by,
            "is_this": session.id == signed_in.session_id,
        }
        for session in accounts.list_sessions(db, signed_in)
    ]
    return page(
        "access/account.html",
        title="Your account",
        caller=signed_in.at_home(),
        section="account",
        crumbs=(Place("Your account"),),
        status=status,
        me=signed_in,
        is_person=signed_in.kind is PrincipalKind.person,
        asks_current=accounts.needs_current_password(signed_in),
        shortest=passwords.SHORTEST,
        sessions=sessions,
        done=done,
        problem=None if problem is None else {"remedy": None} | problem,
        field_at_fault=problem["errors"][0]["field"] if problem and problem.get("errors") else None,
    )
