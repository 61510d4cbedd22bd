"""People: who they are, and their roles in projects."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import people_queries as queries
from app.access.errors import PersonInvalid, PersonNotFound
from app.access.models import Membership, Person, Principal, PrincipalKind, Role, SignInLink
from app.access.service import audit, audit_operator
from app.access.tokens import new_token, token_hash
from app.db import now
from app.projects.models import Project

if TYPE_CHECKING:
    from app.access.sessions import SignedIn

LINK_TTL = timedelta(hours=12)


_EMAIL = re.compile(r"[^@\s\x00-\x1f<>]{1,64}@[^@\s\x00-\x1f<>]{1,189}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain_email(email: str) -> str:
    """An address as it is compared: in small letters, without space around it.

    What cannot be stored is replaced, so that it is looked for like any other and not found.
    """
    plain = email.strip().lower().replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return plain.encode(errors="replace").decode()


def checked_email(email: str) -> str:
    """Raises PersonInvalid: this cannot be an e-mail address."""
    plain = plain_email(email)
    if not _EMAIL.fullmatch(plain):
        raise PersonInvalid(
            "This is not an e-mail address.",
            field="email",
            remedy="Give an address such as ada@example.com.",
        )
    return plain


def plain_name(name: str) -> str | None:
    """A name without needless space; None if it is none that can be read."""
    plain = " ".join(name.split())
    return plain if 1 <= len(plain) <= 100 and not _UNSEEN.search(plain) else None


def checked_name(name: str) -> str:
    """Raises PersonInvalid: nothing to call somebody by."""
    plain = plain_name(name)
    if plain is None:
        raise PersonInvalid(
            "A name has 1 to 100 characters, all of them visible.",
            field="name",
            remedy="Give the name that others know you by.",
        )
    return plain


def email_taken() -> PersonInvalid:
    return PersonInvalid(
        "This e-mail address belongs to another account.",
        field="email",
        remedy="Sign in with that account, or give another address.",
    )


def audit_everywhere(
    db: Session, signed_in: SignedIn, action: str, subject: str, **details: Any
) -> None:
    """Log a change of an account in every project that it belongs to."""
    for place in signed_in.places:
        audit(db, signed_in.in_project(place.project_name), action, subject, **details)


def person_label(name: str, email: str | None) -> str:
    """How the audit log calls a person."""
    return f"{name} <{email}>" if email else name


def add_person(
    db: Session,
    *,
    name: str,
    email: str | None = None,
    email_is_vouched: bool = False,
    password_hash: str | None = None,
    is_local_owner: bool = False,
) -> Person:
    principal = Principal(kind=PrincipalKind.person, name=name)
    db.add(principal)
    db.flush()
    person = Person(
        id=principal.id,
        email=email,
        email_is_vouched=email_is_vouched,
        password_hash=password_hash,
        is_local_owner=is_local_owner,
    )
    db.add(person)
    db.flush()
    return person


def add_to_project(db: Session, person_id: UUID, project_id: UUID, role: Role) -> None:
    """Make somebody a member who is none."""
    db.add(Membership(person_id=person_id, project_id=project_id, role=role.value))
    db.flush()


def join(db: Session, person_id: UUID, project_id: UUID, role: Role) -> Role:
    """Make somebody a member; one who is keeps the higher of both roles, which is returned."""
    member = queries.lock_membership(db, project_id, person_id)
    if member is None:
        add_to_project(db, person_id, project_id, role)
    elif not Role(member.role).includes(role):
        member.role = role.value
        db.flush()
    else:
        return Role(member.role)
    return role


def ensure_owner(db: Session, project: Project) -> UUID:
    """The local owner, made and made an admin of the project if need be; returns their id."""
    owner_id = queries.local_owner_id(db)
    if owner_id is None:
        owner_id = add_person(db, name="Owner", is_local_owner=True).id
    if queries.membership(db, owner_id, project.id) is None:
        add_to_project(db, owner_id, project.id, Role.admin)
        audit_operator(db, project.id, "add_person", f"person {owner_id}", role=Role.admin.value)
    return owner_id


def create_sign_in_link(db: Session, project: Project) -> str:
    """Make a link that signs the local owner in once; returns its path."""
    person_id = ensure_owner(db, project)
    audit_operator(db, project.id, "create_sign_in_link", f"person {person_id}")
    return add_sign_in_link(db, person_id, project.id)


def create_link_as_operator(db: Session, project: Project, email: str) -> str:
    """A link that signs a member in, once, whatever else they belong to; returns its path.

    Raises:
        PersonNotFound: nobody with this address is in the project.
    """
    person = queries.by_email(db, plain_email(email))
    if person is None or queries.membership(db, person.id, project.id) is None:
        raise PersonNotFound(
            f"Nobody with the address {email} is in the project {project.name}.",
            remedy="See: cleantrace people list.",
        )
    audit_operator(db, project.id, "create_sign_in_link", f"person {person.id}")
    return add_sign_in_link(db, person.id, project.id)


def add_sign_in_link(db: Session, person_id: UUID, project_id: UUID) -> str:
    secret = new_token()
    db.add(
        SignInLink(
            person_id=person_id,
            project_id=project_id,
            secret_hash=token_hash(secret),
            expires_at=now() + LINK_TTL,
        )
    )
    db.flush()
    return f"/sign-in/link/{secret}"
