"""API keys: made once, recognised by their hash."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.access import queries
from app.access.errors import NotSignedIn
from app.access.models import ApiKey, Principal, PrincipalKind, Role
from app.access.queries import KeyRow
from app.access.service import Caller, audit_operator
from app.access.tokens import new_token, token_hash
from app.db import now
from app.projects.models import Project

KEY_PREFIX = "ct_"


def create_key(
    db: Session,
    project: Project,
    *,
    name: str,
    role: Role = Role.engineer,
    expires_at: datetime | None = None,
) -> str:
    """Make an API key; the return value is the only time it can be read."""
    secret = KEY_PREFIX + new_token()
    principal = Principal(kind=PrincipalKind.key, name=name)
    db.add(principal)
    db.flush()
    db.add(
        ApiKey(
            id=principal.id,
            project_id=project.id,
            role=role.value,
            secret_hash=token_hash(secret),
            expires_at=expires_at,
        )
    )
    db.flush()
    audit_operator(db, project.id, "create_key", f"key {principal.id}", name=name, role=role.value)
    return secret


def caller_by_key(db: Session, secret: str) -> Caller:
    """Raises NotSignedIn: the key is unknown, expired or revoked."""
    found = live_key(db, secret)
    if found is None:
        raise NotSignedIn(
            "The API key is unknown, expired or revoked.",
            remedy="Check the key, or make one with: cleantrace keys create --project NAME.",
        )
    return Caller(
        found.project_id,
        found.project_name,
        Role(found.role),
        key_label(found.name, found.id),
        principal_id=found.id,
        name=found.name,
        kind=PrincipalKind.key,
        projects=(found.project_name,),
    )


def live_key(db: Session, secret: str) -> KeyRow | None:
    return queries.live_key(db, token_hash(secret), now())


def key_label(name: str, key_id: object) -> str:
    return f"key {name} ({key_id})"
