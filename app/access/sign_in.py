"""Signing in: count the attempt, look, begin a session.

Each step is a transaction of its own. The count is committed before anything is compared, so that
attempts at the same moment cannot share one; and no connection is held while a password is
compared, which takes a while on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import limits, passwords, people, people_queries, queries, sessions
from app.access.errors import NotSignedIn
from app.access.models import SignInMethod
from app.access.tokens import new_token, token_hash
from app.access.visitor import Visitor
from app.db import reading, transaction


@dataclass(frozen=True)
class Begun:
    """What the browser keeps: the values of its two cookies."""

    session: str
    device: str | None = None


def with_key(secret: str, visitor: Visitor) -> Begun:
    """Raises NotSignedIn, TooManyAttempts."""
    attempt = limits.attempt_by_key(visitor)
    with transaction() as db:
        limits.spend(db, attempt)
    with transaction() as db:
        begun = sessions.sign_in_with_key(db, secret, visitor)
        limits.give_back(db, attempt)
    return Begun(begun)


def with_password(email: str, password: str, visitor: Visitor) -> Begun:
    """Raises:
    NotSignedIn: alike for an unknown account, one without a password, and a wrong password.
    TooManyAttempts: for this account or address.
    """
    address = people.plain_email(email)
    with transaction() as db:
        attempt = limits.attempt_by_password(db, address, visitor)
        limits.spend(db, attempt)
    with reading() as db:
        person = people_queries.by_email(db, address)
        found = None if person is None else (person.id, person.password_hash)
    person_id, stored = found or (None, None)
    if not passwords.matches(password, stored) or person_id is None or stored is None:
        raise _refusal()
    renewed = passwords.rehash(password) if passwords.is_outdated(stored) else stored
    with transaction() as db:
        if not people_queries.replace_password(db, person_id, stored, renewed):
            raise _refusal()  # it was changed while we compared
        limits.give_back(db, attempt)
        return begin_person(db, person_id, None, SignInMethod.password, visitor)


def _refusal() -> NotSignedIn:
    return NotSignedIn(
        "There is no account with this e-mail address and password.",
        field="password",
        remedy="Check both. An admin of your project can make a link that lets you in.",
    )


def begin_person(
    db: Session, person_id: UUID, project_id: UUID | None, method: SignInMethod, visitor: Visitor
) -> Begun:
    """A session of a person, in a browser that is then known to be theirs.

    Args:
        project_id: where it leads; None leads to where the person was last.
    """
    device = visitor.device or new_token()
    people_queries.remember_device(db, person_id, token_hash(device))
    home_id = project_id or queries.last_project_id(db, person_id)
    return Begun(sessions.begin_session(db, person_id, home_id, method, visitor), device)
