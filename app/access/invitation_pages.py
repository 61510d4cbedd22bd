"""Following an invitation: a new account, or the one that is signed in."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access import invitations, passwords, provider
from app.access.answers import first_page, signed_in_answer
from app.access.errors import NotAllowed, PersonInvalid
from app.access.guards import FormSignedIn, signed_in_browser
from app.access.models import PrincipalKind, Role
from app.access.visitor import OwnVisitor
from app.dashboard.frame import page, with_query
from app.db import ReadSession, WriteSession, reading
from app.settings import settings

router = APIRouter(include_in_schema=False)


@router.get("/invitations/{token}")
def look_at_invitation(token: str, request: Request, db: ReadSession) -> Response:
    """Raises InvitationSpent."""
    return _invitation_page(request, db, token)


@router.post("/invitations/{token}")
def accept_as_new(
    token: str,
    request: Request,
    visitor: OwnVisitor,
    name: Annotated[str, Form(max_length=1000)] = "",
    email: Annotated[str, Form(max_length=1000)] = "",
    password: Annotated[str, Form(max_length=10_000)] = "",
) -> Response:
    """Raises InvitationSpent."""
    try:
        with reading() as db:
            offer = invitations.look_at(db, token)
        begun = invitations.accept_as_new(
            token, name=name, email=email, password=password, visitor=visitor
        )
    except (PersonInvalid, NotAllowed) as error:
        typed = {"name": name, "email": email}
        with reading() as db:
            return _invitation_page(request, db, token, error=error, typed=typed)
    return signed_in_answer(begun, first_page(offer.project_name, Role(offer.role)))


@router.post("/invitations/{token}/join")
def accept_as_signed_in(token: str, db: WriteSession, signed_in: FormSignedIn) -> Response:
    """Raises InvitationSpent, NotAllowed."""
    joined = invitations.accept_as(db, signed_in, token)
    return RedirectResponse(first_page(joined.project_name, joined.role), 303)


def _invitation_page(
    request: Request,
    db: Session,
    token: str,
    *,
    error: PersonInvalid | NotAllowed | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    offer = invitations.look_at(db, token)
    signed_in = signed_in_browser(request, db)
    me = signed_in if signed_in and signed_in.kind is PrincipalKind.person else None
    problem: dict[str, Any] = {} if error is None else {"remedy": None} | error.as_problem()
    url = f"/invitations/{quote(token, safe='')}"
    answer = page(
        "access/invitation.html",
        title=f"Join {offer.project_name}",
        caller=me.at_home() if me else None,
        section="error",  # the link alone leads here; nothing else is offered
        status=200 if error is None else error.status,
        offer=offer,
        me=me,
        url=url,
        sign_in_url=with_query("/sign-in", next=url),
        provider=settings().oidc_name if provider.is_configured() else None,
        provider_url=with_query("/sign-in/oidc", next=url),
        typed=typed or {"name": "", "email": offer.email or ""},
        shortest=passwords.SHORTEST,
        problem=problem or None,
        field_at_fault=problem["errors"][0]["field"] if problem.get("errors") else None,
    )
    # The address holds the secret: it goes to nobody.
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
