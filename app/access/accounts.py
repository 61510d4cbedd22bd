"""What people do with their own account: name, address, password, sessions."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access import passwords, people, people_queries, queries
from app.access.errors import NotAllowed, PersonInvalid, SessionNotFound
from app.access.models import BrowserSession, PrincipalKind, SignInMethod
from app.access.sessions import SignedIn
from app.access.tokens import token_hash
from app.access.visitor import Visitor
from app.db import now

_SESSIONS_SHOWN = 50


def list_sessions(db: Session, signed_in: SignedIn) -> list[BrowserSession]:
    """The caller's live sessions, the newest first."""
    return queries.live_sessions_of(db, signed_in.principal_id, now(), _SESSIONS_SHOWN)


def end_session(db: Session, signed_in: SignedIn, session_id: UUID) -> None:
    """Raises SessionNotFound: it is not one of the caller's, or has ended."""
    if not queries.end_one_of(db, signed_in.principal_id, session_id, now()):
        raise SessionNotFound(
            "This session is none of yours, or has ended already.",
            remedy="Reload the page to see which sessions there are.",
        )
    people.audit_everywhere(db, signed_in, "end_session", f"session {session_id}")


def end_other_sessions(db: Session, signed_in: SignedIn) -> None:
    queries.end_other_sessions(db, signed_in.principal_id, signed_in.session_id, now())
    people.audit_everywhere(db, signed_in, "end_other_sessions", f"session {signed_in.session_id}")


def change_profile(db: Session, signed_in: SignedIn, name: str, email: str) -> None:
    """Raises:
    PersonInvalid: the name or the address is not usable, or the address is another's.
    """
    require_person(signed_in)
    new_name, new_email = people.checked_name(name), people.checked_email(email)
    person = people_queries.person(db, signed_in.principal_id)
    people_queries.principal(db, signed_in.principal_id).name = new_name
    if person.email != new_email:
        person.email, person.email_is_vouched = new_email, False
    try:
        db.flush()
    except IntegrityError as error:
        raise people.email_taken() from error
    people.audit_everywhere(db, signed_in, "change_profile", f"person {person.id}", name=new_name)


def needs_current_password(signed_in: SignedIn) -> bool:
    """Whoever came by a sign-in link has shown that they may: they need not know it."""
    return signed_in.has_password and signed_in.begun_by is not SignInMethod.link


def change_password(
    db: Session, signed_in: SignedIn, current: str, new: str, visitor: Visitor
) -> None:
    """Set the password and end every other session.

    Raises:
        PersonInvalid: the current password is wrong, the new one is not accepted, or there is no
            address to sign in with.
    """
    require_person(signed_in)
    person = people_queries.person(db, signed_in.principal_id)
    if person.email is None:
        raise PersonInvalid(
            "A password needs an e-mail address to sign in with.",
            field="email",
            remedy="Give your e-mail address first, then the password.",
        )
    if needs_current_password(signed_in) and not passwords.matches(current, person.password_hash):
        raise PersonInvalid(
            "The current password is not this one.",
            field="current_password",
            remedy="Check it. An admin can make a link that lets you in without it.",
        )
    person.password_hash = passwords.hash_password(new, name=signed_in.name, email=person.email)
    db.flush()
    queries.end_other_sessions(db, signed_in.principal_id, signed_in.session_id, now())
    kept = token_hash(visitor.device) if visitor.device else None
    people_queries.forget_other_devices(db, person.id, kept)
    people.audit_everywhere(db, signed_in, "change_password", f"person {person.id}")


def switch_project(db: Session, signed_in: SignedIn, project: str) -> str:
    """Go to another project, there and after the next sign-in; returns its name.

    Raises:
        ProjectNotFound: it is none of the caller's.
    """
    caller = signed_in.in_project(project)
    queries.move_session(db, signed_in.session_id, caller.project_id)
    return caller.project_name


def require_person(signed_in: SignedIn) -> None:
    """Raises NotAllowed: a key has no name, address or password to change."""
    if signed_in.kind is not PrincipalKind.person:
        raise NotAllowed(
            "This browser is signed in with an API key, which has no account.",
            remedy="Sign in as a person.",
        )
