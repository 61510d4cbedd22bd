"""Joining a project by a link: made by an admin, used once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access import accounts, passwords, people
from app.access import invitation_queries as queries
from app.access.errors import InvitationNotFound, InvitationSpent, NotAllowed
from app.access.invitation_queries import InvitationRow
from app.access.models import Invitation, Role, SignInMethod
from app.access.service import Caller, audit, audit_operator, audit_person
from app.access.sessions import SignedIn
from app.access.sign_in import Begun, begin_person
from app.access.tokens import new_token, token_hash
from app.access.visitor import Visitor
from app.db import now, reading, transaction
from app.paging import cut_page
from app.projects.models import Project

DEFAULT_DAYS, LONGEST_DAYS = 7, 90


@dataclass(frozen=True)
class Made:
    """A new invitation."""

    id: UUID
    path: str
    """Of the link; this is the only time it can be read."""
    role: Role
    email: str | None
    expires_at: datetime


def invite(
    db: Session, caller: Caller, *, role: Role, email: str | None = None, days: int = DEFAULT_DAYS
) -> Made:
    """Make a link. With an address, only somebody with that address may use it.

    Raises:
        PersonInvalid: the address cannot be one.
    """
    made = _add(db, caller.project_id, caller.principal_id, role, email, days)
    audit(db, caller, "invite", f"invitation {made.id}", role=role.value, email=made.email)
    return made


def invite_as_operator(
    db: Session, project: Project, *, role: Role, email: str | None, days: int
) -> Made:
    """The same from the command line. Raises PersonInvalid."""
    made = _add(db, project.id, None, role, email, days)
    subject = f"invitation {made.id}"
    audit_operator(db, project.id, "invite", subject, role=role.value, email=made.email)
    return made


def _add(
    db: Session,
    project_id: UUID,
    created_by: UUID | None,
    role: Role,
    email: str | None,
    days: int,
) -> Made:
    secret = new_token()
    invitation = Invitation(
        project_id=project_id,
        role=role.value,
        email=people.checked_email(email) if email else None,
        secret_hash=token_hash(secret),
        created_by=created_by,
        expires_at=now() + timedelta(days=days),
    )
    db.add(invitation)
    db.flush()
    path = f"/invitations/{secret}"
    return Made(invitation.id, path, role, invitation.email, invitation.expires_at)


def list_open(
    db: Session, caller: Caller, *, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[InvitationRow], str | None]:
    """Invitations that can still be used, the newest first."""
    rows = queries.open_invitations(db, caller.project_id, now(), after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda row: (row.created_at, row.id))


def revoke(db: Session, caller: Caller, invitation_id: UUID) -> None:
    """Raises InvitationNotFound: there is no open one of this id in the project."""
    if not queries.revoke(db, caller.project_id, invitation_id, now()):
        raise InvitationNotFound(
            "There is no open invitation of this id here.",
            remedy="It was used, revoked or has expired; list the open ones.",
        )
    audit(db, caller, "revoke_invitation", f"invitation {invitation_id}")


def look_at(db: Session, secret: str) -> InvitationRow:
    """What a link offers. Raises InvitationSpent."""
    found = queries.open_invitation(db, token_hash(secret), now())
    if found is None:
        raise _spent()
    return found


def accept_as_new(secret: str, *, name: str, email: str, password: str, visitor: Visitor) -> Begun:
    """Make an account and join. Opens its own transactions: hashing takes a while on purpose.

    Raises:
        InvitationSpent: it was used, revoked, or is too old.
        PersonInvalid: name, address or password is not accepted, or the address has an account.
        NotAllowed: the link is for another address.
    """
    with reading() as db:
        offer = look_at(db, secret)
    plain_name, plain_email = people.checked_name(name), people.checked_email(email)
    _require_addressee(offer, plain_email)
    hashed = passwords.hash_password(password, name=plain_name, email=plain_email)
    try:
        with transaction() as db:
            person = people.add_person(
                db,
                name=plain_name,
                email=plain_email,
                email_is_vouched=offer.email is not None,
                password_hash=hashed,
            )
            people.add_to_project(db, person.id, offer.project_id, Role(offer.role))
            spend(db, offer.id, person.id)
            begun = begin_person(db, person.id, offer.project_id, SignInMethod.invitation, visitor)
            _audit_joining(db, offer, person.id, plain_name, plain_email)
            return begun
    except IntegrityError as error:
        raise people.email_taken() from error


class Joined(NamedTuple):
    project_name: str
    role: Role


def accept_as(db: Session, signed_in: SignedIn, secret: str) -> Joined:
    """Join with the account that is signed in. A member keeps the higher of both roles.

    Raises:
        InvitationSpent: it was used, revoked, or is too old.
        NotAllowed: the link is for another address, or no person is signed in.
    """
    accounts.require_person(signed_in)
    offer = look_at(db, secret)
    _require_addressee(offer, signed_in.email)
    role = people.join(db, signed_in.principal_id, offer.project_id, Role(offer.role))
    spend(db, offer.id, signed_in.principal_id)
    _audit_joining(db, offer, signed_in.principal_id, signed_in.name, signed_in.email)
    return Joined(offer.project_name, role)


def _require_addressee(offer: InvitationRow, email: str | None) -> None:
    if offer.email is not None and email != offer.email:
        raise NotAllowed(
            "This invitation is for another e-mail address.",
            remedy=f"Use it with the account of {offer.email}, or ask for a new one.",
        )


def spend(db: Session, invitation_id: UUID, person_id: UUID) -> None:
    """Use an invitation up. Raises InvitationSpent: somebody was faster."""
    if not queries.spend(db, invitation_id, person_id, now()):
        raise _spent()


def _audit_joining(
    db: Session, offer: InvitationRow, person_id: UUID, name: str, email: str | None
) -> None:
    audit_person(
        db,
        offer.project_id,
        person_id,
        people.person_label(name, email),
        "join",
        f"person {person_id}",
        role=offer.role,
        invitation=str(offer.id),
    )


def _spent() -> InvitationSpent:
    return InvitationSpent(
        "This invitation was used before, was withdrawn, or is too old.",
        remedy="Ask whoever sent it for a new one. If you have joined already, sign in.",
    )
