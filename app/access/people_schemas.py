from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.access.invitations import DEFAULT_DAYS, LONGEST_DAYS
from app.access.models import PrincipalKind, Role
from app.schemas import In, Out

Email = Annotated[str, StringConstraints(min_length=3, max_length=254, strip_whitespace=True)]


class MeOut(Out):
    """Who calls."""

    principal_id: UUID
    name: str
    kind: PrincipalKind
    role: Role
    project: str


class PersonOut(Out):
    id: UUID = Field(description="The person's principal.")
    name: str
    email: str | None
    role: Role
    since: datetime
    last_sign_in_at: datetime | None


class RoleIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "reviewer"}]})

    role: Role


class InvitationIn(In):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "reviewer", "email": "ada@example.com"}]}
    )

    role: Role = Role.reviewer
    email: Email | None = Field(
        None, description="Whom alone the link is for; without it, for whoever holds it."
    )
    days: int = Field(DEFAULT_DAYS, ge=1, le=LONGEST_DAYS, description="How long it is valid.")


class InvitationOut(Out):
    id: UUID
    role: Role
    email: str | None
    expires_at: datetime


class OpenInvitationOut(InvitationOut):
    created_at: datetime
    created_by: str | None = Field(description="Null for an operator at the command line.")


class NewInvitationOut(InvitationOut):
    url: str = Field(description="The link: told only now.")


class SignInLinkOut(Out):
    url: str = Field(description="Signs the person in, once: told only now.")
