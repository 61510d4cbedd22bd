"""API keys: made once, recognised by their hash.

A key belongs to one project. Its scope is a role there, and whether it may change anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import key_queries as queries
from app.access.errors import KeyNotFound, NotSignedIn
from app.access.key_queries import KeyRow, ListedKey
from app.access.models import ApiKey, Principal, PrincipalKind, Role
from app.access.service import Caller, audit, audit_operator
from app.access.tokens import new_token, token_hash
from app.db import now, transaction
from app.paging import cut_page
from app.projects.models import Project

KEY_PREFIX = "ct_"
LONGEST_DAYS = 3650
_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class NewKey:
    id: UUID
    secret: str
    """What the holder sends; this is the only time it can be read."""
    expires_at: datetime | None


def create_key(
    db: Session,
    project: Project,
    *,
    name: str,
    role: Role = Role.engineer,
    read_only: bool = False,
    expires_at: datetime | None = None,
) -> str:
    """Make a key from the command line; returns its secret, which cannot be read again."""
    made = _add(db, project.id, None, name, role, read_only, expires_at)
    audit_operator(
        db,
        project.id,
        "create_key",
        f"key {made.id}",
        name=name,
        role=role.value,
        read_only=read_only,
    )
    return made.secret


def create_key_as(
    db: Session,
    caller: Caller,
    *,
    name: str,
    role: Role,
    read_only: bool = False,
    days: int | None = None,
) -> NewKey:
    """Make a key of the caller's project.

    Args:
        days: until it expires; None for never.
    """
    expires_at = None if days is None else now() + timedelta(days=days)
    made = _add(db, caller.project_id, caller.principal_id, name, role, read_only, expires_at)
    audit(
        db,
        caller,
        "create_key",
        f"key {made.id}",
        name=name,
        role=role.value,
        read_only=read_only,
        days=days,
    )
    return made


def _add(
    db: Session,
    project_id: UUID,
    created_by: UUID | None,
    name: str,
    role: Role,
    read_only: bool,
    expires_at: datetime | None,
) -> NewKey:
    secret = KEY_PREFIX + new_token()
    principal = Principal(kind=PrincipalKind.key, name=name)
    db.add(principal)
    db.flush()
    db.add(
        ApiKey(
            id=principal.id,
            project_id=project_id,
            role=role.value,
            read_only=read_only,
            secret_hash=token_hash(secret),
            created_by=created_by,
            expires_at=expires_at,
        )
    )
    db.flush()
    return NewKey(principal.id, secret, expires_at)


def list_keys(
    db: Session, project_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[ListedKey], str | None]:
    """A project's keys that open something, the newest first."""
    rows = queries.live_keys(db, project_id, now(), after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda row: (row.created_at, row.id))


def revoke_key(db: Session, caller: Caller, key_id: UUID) -> None:
    """End a key, and every session begun with it. Raises KeyNotFound."""
    _revoke(db, caller.project_id, key_id)
    audit(db, caller, "revoke_key", f"key {key_id}")


def revoke_key_as_operator(db: Session, project: Project, key_id: UUID) -> None:
    """The same from the command line. Raises KeyNotFound."""
    _revoke(db, project.id, key_id)
    audit_operator(db, project.id, "revoke_key", f"key {key_id}")


def _revoke(db: Session, project_id: UUID, key_id: UUID) -> None:
    if not queries.revoke(db, project_id, key_id, now()):
        raise KeyNotFound(
            f"There is no key with the id {key_id} in this project.",
            remedy="List the keys: it may have been revoked already.",
        )


def require_key(db: Session, secret: str) -> KeyRow:
    """Raises NotSignedIn: the key is unknown, expired or revoked."""
    found = live_key(db, secret)
    if found is None:
        raise NotSignedIn(
            "The API key is unknown, expired or revoked.",
            remedy="Check the key, or make one with: cleantrace keys create --project NAME.",
        )
    return found


def caller_of(key: KeyRow) -> Caller:
    return Caller(
        key.project_id,
        key.project_name,
        Role(key.role),
        key_label(key.name, key.id),
        principal_id=key.id,
        name=key.name,
        kind=PrincipalKind.key,
        read_only=key.read_only,
        projects=(key.project_name,),
    )


def is_use_unnoted(key: KeyRow) -> bool:
    """Whether a use is to be written down: once a minute, not with every request."""
    return key.last_used_at is None or now() - key.last_used_at > _USE_NOTED_EVERY


def note_use(key_id: UUID) -> None:
    """In a transaction of its own, after the answer has gone: reading must stay reading."""
    with transaction() as db:
        queries.note_use(db, key_id, now(), now() - _USE_NOTED_EVERY)


def live_key(db: Session, secret: str) -> KeyRow | None:
    return queries.live_key(db, token_hash(secret), now())


def key_label(name: str, key_id: object) -> str:
    """How the audit log calls a key."""
    return f"key {name} ({key_id})"
