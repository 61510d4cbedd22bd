"""What every room's schemas share."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Item = TypeVar("Item")

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00]*$"),
]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]


class In(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt option is not ignored."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(Out, Generic[Item]):
    """Part of a list. `next` is the cursor of the following part, null at the end."""

    items: list[Item]
    next: str | None = Field(None, description="Give this as `after` to get the next page.")


class FailureOut(Out):
    """Why a job failed: the members of a problem document."""

    title: str
    detail: str
    remedy: str | None = None
    errors: list[dict[str, Any]] = Field(default_factory=list)
