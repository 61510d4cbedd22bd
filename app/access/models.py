from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy import Identity as Counted
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class Role(StrEnum):
    """What a caller may do in a project; each includes those before it."""

    viewer = "viewer"
    reviewer = "reviewer"
    engineer = "engineer"
    admin = "admin"

    def includes(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


class PrincipalKind(StrEnum):
    person = "person"
    key = "key"
    annotator = "annotator"
    """Somebody known by what they said in another tool alone: they never sign in."""


class Principal(Base):
    """Whoever acts: a person, a key, or an annotator. What they did refers to this row alone."""

    __tablename__ = "principals"

    id: Mapped[uuid.UUID] = id_column()
    kind: Mapped[str]
    name: Mapped[str]
    """As pages show it; a person may change theirs."""
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (CheckConstraint("kind IN ('person', 'key', 'annotator')", name="kind"),)


class Person(Base):
    """Somebody who signs in. Shares its id with its principal."""

    __tablename__ = "people"

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    """In small letters. Absent for the local owner until they give one."""
    email_is_vouched: Mapped[bool] = mapped_column(default=False)
    """An admin named the address in an invitation, or a sign-in provider did: it is theirs."""
    password_hash: Mapped[str | None]
    is_local_owner: Mapped[bool] = mapped_column(default=False)
    """Whom the links that `cleantrace up` prints sign in."""

    __table_args__ = (
        Index(
            "uq_people_local_owner",
            "is_local_owner",
            unique=True,
            postgresql_where=text("is_local_owner"),
        ),
    )


class Annotator(Base):
    """Somebody who annotates in another tool, by its name for them. Shares its principal's id."""

    __tablename__ = "annotators"

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    tool: Mapped[str]
    name: Mapped[str]

    __table_args__ = (UniqueConstraint("project_id", "tool", "name"),)


class Membership(Base):
    """A person's role in a project."""

    __tablename__ = "memberships"

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("projects.id"), primary_key=True, index=True
    )
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Group(Base):
    """Some of a project's people under one name, so that work is given to all of them at once."""

    __tablename__ = "groups"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))

    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        UniqueConstraint("id", "project_id"),
        Index(None, "project_id", "created_at", "id"),
    )


class GroupMember(Base):
    """A person in a group. Whoever leaves the project leaves its groups: the keys see to it."""

    __tablename__ = "group_members"

    group_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID]

    __table_args__ = (
        ForeignKeyConstraint(
            ["group_id", "project_id"], ["groups.id", "groups.project_id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["person_id", "project_id"],
            ["memberships.person_id", "memberships.project_id"],
            ondelete="CASCADE",
        ),
        Index(None, "person_id", "project_id"),
    )


class Invitation(Base):
    """A link by which somebody joins a project, once."""

    __tablename__ = "invitations"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    role: Mapped[str]
    email: Mapped[str | None]
    """Whom alone it is for; anybody who holds it if absent."""
    secret_hash: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principals.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id"))
    revoked_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "project_id", "created_at", "id"),)


class ApiKey(Base):
    """A machine's credential in one project; its name is its principal's. Never stored itself."""

    __tablename__ = "api_keys"

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    role: Mapped[str]
    read_only: Mapped[bool] = mapped_column(default=False)
    """It sees what its role sees, and changes nothing."""
    secret_hash: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principals.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To about a minute."""

    __table_args__ = (Index(None, "project_id", "created_at", "id"),)


class SignInLink(Base):
    """A link that signs a person in, once."""

    __tablename__ = "sign_in_links"

    id: Mapped[uuid.UUID] = id_column()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"), index=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    """Where it leads."""
    secret_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInMethod(StrEnum):
    """How a session began."""

    invitation = "invitation"
    key = "key"
    link = "link"
    oidc = "oidc"
    password = "password"  # noqa: S105 - a method, not a secret


class BrowserSession(Base):
    """A signed-in browser. A session begun with an API key ends with that key."""

    __tablename__ = "browser_sessions"

    id: Mapped[uuid.UUID] = id_column()
    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("projects.id"))
    """Where the address without a project leads."""
    secret_hash: Mapped[str] = mapped_column(unique=True)
    csrf_token: Mapped[str]
    begun_by: Mapped[str]
    address: Mapped[str]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "principal_id", "created_at"),)


class KnownDevice(Base):
    """A browser in which a person signed in before."""

    __tablename__ = "known_devices"

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Identity(Base):
    """Who a person is to a sign-in provider."""

    __tablename__ = "identities"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class OidcFlow(Base):
    """A browser that was sent to the sign-in provider and has not come back."""

    __tablename__ = "oidc_flows"

    state_hash: Mapped[str] = mapped_column(primary_key=True)
    browser_hash: Mapped[str]
    """Of the cookie: only the browser that left may come back."""
    nonce: Mapped[str]
    code_verifier: Mapped[str]
    following: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInLimit(Base):
    """How far the sign-in attempts of one account, address or device are used up."""

    __tablename__ = "sign_in_limits"

    bucket: Mapped[str] = mapped_column(primary_key=True)
    full_at: Mapped[datetime] = mapped_column(index=True)
    """When all attempts are back; a row past that says nothing more."""


class AuditEntry(Base):
    """One state change by a principal. Rows are only ever added."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(BigInteger, Counted(always=True), primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    principal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principals.id"))
    """Absent for an operator at the command line."""
    caller: Mapped[str]
    """What they were called then."""
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "project_id", "principal_id", "id"),
        Index(None, "project_id", "action", "id"),
    )


class IdempotentRequest(Base):
    """A POST that was answered, so that its repeat gets the same answer."""

    __tablename__ = "idempotent_requests"

    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
