"""Patterns of keys, by which slices are named: `*` stands for any characters, `?` for one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.schemas import Text

KeyPattern = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=1000,
        description="Only examples whose key is like this: `*` stands for any characters, "
        "`?` for one. A slice, such as `night/*`.",
    ),
]


def like(pattern: str) -> str:
    """The same for SQL's LIKE."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")
