"""Keyset pages: a cursor is the sort key of the last row seen, so that pages never shift.

OFFSET would read and drop all rows before; a keyset page costs the same at any depth.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query

from app.errors import Invalid
from app.schemas import LAST_POSITION

Row = TypeVar("Row")

PageLimit = Annotated[int, Query(ge=1, le=1000, description="Items in a page.")]
PageAfter = Annotated[str | None, Query(description="The `next` of the page before.")]


class CursorInvalid(Invalid):
    title = "Cursor invalid"
    code = "cursor-invalid"


def encode_cursor(values: Sequence[Any]) -> str:
    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    text = json.dumps([plain(value) for value in values], default=str)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """The sort key in a cursor, each part read by its kind (`parse_position`, `UUID`).

    Raises:
        CursorInvalid: the cursor was not made here, or for another order.
    """
    if cursor is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(kind(value) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise CursorInvalid(
            "This cursor does not belong to this list.",
            field="after",
            remedy="Use the `next` of the page before with the same order, or leave `after` out.",
        ) from error


def parse_position(value: Any) -> int:
    """A position, a rank or a row: 32 bits, as their columns have."""
    if not isinstance(value, int) or not 0 <= value <= LAST_POSITION:
        raise ValueError("not a position")
    return value


def parse_number(value: Any) -> int:
    """The running number of a line in a log: 64 bits, from 1."""
    if not isinstance(value, int) or not 0 < value < 2**63:
        raise ValueError("not the number of a line")
    return value


def parse_time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def cut_page(
    rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[Any]]
) -> tuple[list[Row], str | None]:
    """Rows were read with `limit + 1`: the one too many tells that there is a next page."""
    page = list(rows[:limit])
    more = len(rows) > limit
    return page, encode_cursor(key(page[-1])) if more and page else None


def decode_time_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The cursor of lists ordered by creation, newest first."""
    values = decode_cursor(cursor, parse_time, UUID)
    return None if values is None else (values[0], values[1])
