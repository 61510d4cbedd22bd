"""People: who they are, and their roles in projects."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import people_queries as queries
from app.access.models import Membership, Person, Principal, PrincipalKind, Role, SignInLink
from app.access.service import audit_operator
from app.access.tokens import new_token, token_hash
from app.db import now
from app.projects.models import Project

LINK_TTL = timedelta(hours=12)


def person_label(name: str, email: str | None) -> str:
    """How the audit log calls a person."""
    return f"{name} <{email}>" if email else name


def add_person(
    db: Session,
    *,
    name: str,
    email: str | None = None,
    password_hash: str | None = None,
    is_local_owner: bool = False,
) -> Person:
    principal = Principal(kind=PrincipalKind.person, name=name)
    db.add(principal)
    db.flush()
    person = Person(
        id=principal.id, email=email, password_hash=password_hash, is_local_owner=is_local_owner
    )
    db.add(person)
    db.flush()
    return person


def add_to_project(db: Session, person_id: UUID, project_id: UUID, role: Role) -> None:
    db.add(Membership(person_id=person_id, project_id=project_id, role=role.value))
    db.flush()


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
    secret = new_token()
    db.add(
        SignInLink(
            person_id=person_id,
            project_id=project.id,
            secret_hash=token_hash(secret),
            expires_at=now() + LINK_TTL,
        )
    )
    db.flush()
    audit_operator(db, project.id, "create_sign_in_link", f"person {person_id}")
    return f"/sign-in/link/{secret}"
