"""People and invitations of a project, over HTTP."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access import invitations, members
from app.access.errors import (
    InvitationNotFound,
    LastAdmin,
    NotAllowed,
    PersonInvalid,
    PersonNotFound,
)
from app.access.guards import Admin, Viewer
from app.access.people_schemas import (
    InvitationIn,
    MeOut,
    NewInvitationOut,
    OpenInvitationOut,
    PersonOut,
    RoleIn,
    SignInLinkOut,
)
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.schemas import Page
from app.settings import settings

router = APIRouter(tags=["people"])


@router.get("/me", response_model=MeOut)
def get_me(caller: Viewer) -> MeOut:
    """Who calls, and what they may do here."""
    return MeOut(
        principal_id=caller.principal_id,
        name=caller.name,
        kind=caller.kind,
        role=caller.role,
        project=caller.project_name,
    )


@router.get("/people", response_model=Page[PersonOut])
def list_people(
    caller: Admin, db: ReadSession, after: PageAfter = None, limit: PageLimit = 100
) -> Page[PersonOut]:
    """The project's people, those who joined last first."""
    rows, following = members.list_people(db, caller, after=decode_time_cursor(after), limit=limit)
    return Page(items=[PersonOut.model_validate(row) for row in rows], next=following)


@router.patch("/people/{person_id}", status_code=204, responses=problems(PersonNotFound, LastAdmin))
def change_role(person_id: UUID, body: RoleIn, caller: Admin, db: WriteSession) -> None:
    """Give a person another role; it counts from their next request on."""
    members.change_role(db, caller, person_id, body.role)


@router.delete(
    "/people/{person_id}", status_code=204, responses=problems(PersonNotFound, LastAdmin)
)
def remove_person(person_id: UUID, caller: Admin, db: WriteSession) -> None:
    """Take a person out of the project. What they did stays."""
    members.remove(db, caller, person_id)


# Answers that hold a secret are not kept for repeats: these take no Idempotency-Key.
@router.post(
    "/people/{person_id}/sign-in-link",
    status_code=201,
    response_model=SignInLinkOut,
    responses=problems(PersonNotFound, NotAllowed),
)
def create_sign_in_link(person_id: UUID, caller: Admin, db: WriteSession) -> SignInLinkOut:
    """A link that lets in, once, a person who lost their password."""
    path = members.create_sign_in_link(db, caller, person_id)
    return SignInLinkOut(url=settings().public_url.rstrip("/") + path)


@router.post(
    "/invitations",
    status_code=201,
    response_model=NewInvitationOut,
    responses=problems(PersonInvalid),
)
def invite(body: InvitationIn, caller: Admin, db: WriteSession) -> NewInvitationOut:
    """Make a link by which somebody joins the project, once."""
    made = invitations.invite(db, caller, role=body.role, email=body.email, days=body.days)
    return NewInvitationOut(
        id=made.id,
        role=made.role,
        email=made.email,
        expires_at=made.expires_at,
        url=settings().public_url.rstrip("/") + made.path,
    )


@router.get("/invitations", response_model=Page[OpenInvitationOut])
def list_invitations(
    caller: Admin, db: ReadSession, after: PageAfter = None, limit: PageLimit = 100
) -> Page[OpenInvitationOut]:
    """Invitations that can still be used, the newest first. The links themselves are not kept."""
    rows, following = invitations.list_open(
        db, caller, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=[OpenInvitationOut.model_validate(row) for row in rows], next=following)


@router.delete(
    "/invitations/{invitation_id}", status_code=204, responses=problems(InvitationNotFound)
)
def revoke_invitation(invitation_id: UUID, caller: Admin, db: WriteSession) -> None:
    invitations.revoke(db, caller, invitation_id)
