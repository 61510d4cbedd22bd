"""What every room's schemas share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

Item = TypeVar("Item")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_DEEPEST = 32
_MOST_FAULTS = 20
_Place = tuple[str | int, ...]

LAST_POSITION = 2**31 - 1
# Postgres has no NUL in texts.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Uri = Annotated[Text, StringConstraints(min_length=1, max_length=4096)]
Position = Annotated[int, Field(le=LAST_POSITION, description="Of an example in its dataset.")]


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


def _faults(value: Any) -> Iterator[InitErrorDetails]:
    """What neither JSON nor the database can hold, anywhere in a value or in a member's name."""
    open_parts = [_parts((), [value])]  # so each place begins with a 0
    while open_parts:
        place, value = next(open_parts[-1], (None, None))
        if place is None:
            open_parts.pop()
        elif isinstance(value, float):
            yield _fault("infinity and NaN cannot be stored", place)
        elif isinstance(value, str):
            if _UNSTORABLE.search(value):
                yield _fault("NUL and half of a surrogate pair cannot be stored", place)
        elif len(place) > _DEEPEST:
            yield _fault(f"more than {_DEEPEST} objects and lists in one another", place)
        else:
            open_parts.append(_parts(place, value))


def _parts(
    place: _Place, value: dict[str, Any] | list[Any]
) -> Iterator[tuple[_Place, str | float | dict[str, Any] | list[Any]]]:
    """Those to look at. Quick, and never all at once: a body has up to some ten million numbers."""
    if isinstance(value, dict):
        yield from ((place, name) for name in value)
    for name, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(part, str | dict | list) or (isinstance(part, float) and not isfinite(part)):
            yield (*place, name), part


def _fault(message: str, place: _Place) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("not_storable", "{what}", {"what": message}),
        loc=place[1:],
        input=None,
    )


class In(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt option is not ignored.

    Numbers and truth values must be such in JSON: `false` is no position, `"5"` no count. What
    neither JSON nor the database can hold is refused wherever it stands, and so is a body nested
    more deeply than anything here reads or writes.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if faults := list(islice(_faults(value), _MOST_FAULTS)):
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return value

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
