from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from app.schemas import In, Name, Out

_People = Annotated[
    list[UUID], Field(max_length=10_000, description="People of the project, who are in it.")
]


class GroupIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "night shift"}]})

    name: Name = Field(description="Of its own in the project; 100 characters at most.")
    people: _People = Field(default_factory=list)


class GroupNameIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "night shift"}]})

    name: Name


class GroupPeopleIn(In):
    """Who is in the group from now on: the list is replaced."""

    people: _People


class GroupOut(Out):
    id: UUID
    name: str
    people: list[UUID] = Field(description="By name.")
    created_at: datetime
    created_by: UUID
