"""Who calls, and what they may do.

Keys, links and session cookies are 256-bit random values; only their SHA-256 is stored. Values
of that entropy need no slow hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import queries
from app.access.errors import LinkSpent, NotAllowed, NotSignedIn, ProjectNotFound
from app.access.models import ApiKey, AuditEntry, BrowserSession, Role, SignInLink
from app.db import now
from app.projects.models import Project

KEY_PREFIX = "ct_"
SESSION_TTL = timedelta(hours=12)
LINK_TTL = timedelta(hours=12)


@dataclass(frozen=True)
class Caller:
    """A request's principal, in one project."""

    project_id: UUID
    project_name: str
    role: Role
    label: str
    """How the audit log calls them, such as `key first (…)`."""
    session_id: UUID | None = None
    csrf_token: str | None = None

    def require(self, role: Role) -> None:
        if not self.role.includes(role):
            raise NotAllowed(
                f"This needs the role {role.value}; the caller has {self.role.value}.",
                remedy=f"Use a key with the role {role.value}: cleantrace keys create --role "
                f"{role.value}.",
            )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def create_key(
    db: Session,
    project: Project,
    *,
    name: str,
    role: Role = Role.engineer,
    expires_at: datetime | None = None,
) -> str:
    """Make an API key; the return value is the only time it can be read."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        project_id=project.id,
        name=name,
        role=role.value,
        secret_hash=_hash(secret),
        expires_at=expires_at,
    )
    db.add(key)
    db.flush()
    _audit(db, project.id, "command line", "create_key", f"key {key.id}", {"name": name})
    return secret


def create_sign_in_link(db: Session, project: Project, role: Role = Role.engineer) -> str:
    """Make a link that signs a browser in once; returns its path."""
    secret = secrets.token_urlsafe(32)
    db.add(
        SignInLink(
            project_id=project.id,
            role=role.value,
            secret_hash=_hash(secret),
            expires_at=now() + LINK_TTL,
        )
    )
    db.flush()
    return f"/sign-in/link/{secret}"


def caller_by_key(db: Session, secret: str) -> Caller:
    """Raises NotSignedIn: the key is unknown, expired or revoked."""
    found = queries.live_key(db, _hash(secret), now())
    if found is None:
        raise NotSignedIn(
            "The API key is unknown, expired or revoked.",
            remedy="Check the key, or make one with: cleantrace keys create --project NAME.",
        )
    key, project = found
    return Caller(project.id, project.name, Role(key.role), f"key {key.name} ({key.id})")


def caller_by_cookie(db: Session, secret: str) -> Caller | None:
    found = queries.live_session(db, _hash(secret), now())
    if found is None:
        return None
    session, project = found
    return Caller(
        project.id,
        project.name,
        Role(session.role),
        f"session {session.id}",
        session_id=session.id,
        csrf_token=session.csrf_token,
    )


def sign_in_with_key(db: Session, secret: str) -> tuple[str, Caller]:
    """Begin a browser session; returns the cookie's value and the caller."""
    found = queries.live_key(db, _hash(secret), now())
    if found is None:
        raise NotSignedIn(
            "That API key is unknown, expired or revoked.",
            field="api_key",
            remedy="Check for a missing character, or make a key: cleantrace keys create.",
        )
    key, project = found
    return _begin_session(db, project.id, key.role, key.id)


def sign_in_with_link(db: Session, secret: str) -> tuple[str, Caller]:
    link = queries.spend_link(db, _hash(secret), now())
    if link is None:
        raise LinkSpent(
            "This sign-in link was used before, or is too old.",
            remedy="Sign in with an API key, or start `cleantrace up` again for a new link.",
        )
    return _begin_session(db, link.project_id, link.role, None)


def _begin_session(
    db: Session, project_id: UUID, role: str, key_id: UUID | None
) -> tuple[str, Caller]:
    secret = secrets.token_urlsafe(32)
    db.add(
        BrowserSession(
            project_id=project_id,
            api_key_id=key_id,
            role=role,
            secret_hash=_hash(secret),
            csrf_token=secrets.token_urlsafe(32),
            expires_at=now() + SESSION_TTL,
        )
    )
    db.flush()
    caller = caller_by_cookie(db, secret)
    assert caller is not None
    audit(db, caller, "sign_in", f"session {caller.session_id}")
    return secret, caller


def sign_out(db: Session, caller: Caller) -> None:
    if caller.session_id is not None:
        queries.end_session(db, caller.session_id, now())
        audit(db, caller, "sign_out", f"session {caller.session_id}")


def require_project(caller: Caller, project: str) -> None:
    """A project that is not the caller's is not found: its existence is not told."""
    if caller.project_name != project:
        raise ProjectNotFound(
            f"There is no project {project!r} that this caller may see.",
            field="project",
            remedy=f"This key belongs to the project {caller.project_name!r}: use that name.",
        )


def audit(db: Session, caller: Caller, action: str, subject: str, **details: Any) -> None:
    """Add a line to the append-only log, in the transaction of the change itself."""
    _audit(db, caller.project_id, caller.label, action, subject, details)


def _audit(
    db: Session, project_id: UUID, caller: str, action: str, subject: str, details: dict[str, Any]
) -> None:
    db.add(
        AuditEntry(
            project_id=project_id, caller=caller, action=action, subject=subject, details=details
        )
    )
