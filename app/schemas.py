"""What every room's schemas share."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema

Item = TypeVar("Item")

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00]*$"),
]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]


def _forbid_conversion(schema: Any) -> None:
    if isinstance(schema, list):
        for part in schema:
            _forbid_conversion(part)
    elif isinstance(schema, dict):
        if schema.get("type") in ("int", "float", "bool"):
            schema["strict"] = True
        for name, part in schema.items():
            if name not in ("metadata", "default"):
                _forbid_conversion(part)


class In(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt option is not ignored.

    Numbers and truth values must be such in JSON: `false` is no position, `"5"` no count.
    """

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # `strict=True` would also refuse what JSON can only tell as text: ids, times, enums.
        schema = handler(source)
        _forbid_conversion(schema)
        return schema


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
