from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from app.access.keys import LONGEST_DAYS
from app.access.models import Role
from app.schemas import In, Name, Out


class KeyIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "nightly training", "role": "engineer", "days": 90}]
        }
    )

    name: Name = Field(description="What the key is for.")
    role: Role = Role.engineer
    read_only: bool = Field(False, description="It sees what its role sees, and changes nothing.")
    days: int | None = Field(
        None, ge=1, le=LONGEST_DAYS, description="Until it expires; without it, never."
    )


class KeyOut(Out):
    id: UUID = Field(description="The key's principal.")
    name: str
    role: Role
    read_only: bool
    created_by: str | None = Field(description="Null for an operator at the command line.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To about a minute.")


class NewKeyOut(Out):
    id: UUID
    name: str
    role: Role
    read_only: bool
    expires_at: datetime | None
    key: str = Field(description="What to send as a bearer token: told only now.")
