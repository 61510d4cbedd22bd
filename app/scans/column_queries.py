"""SQL that reads whole columns of a scan's results, packed: a row an example would be slow."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.db import rows
from app.scans.models import Score

# Examples packed into one value: a value of bytes must stay far below 1 GB.
_PACKED = 1 << 17
_LABELS = {"given_label", "predicted_label"}
INTEGERS = frozenset({"rank", *_LABELS})


def packed_scores(db: Session, scan_id: uuid.UUID, names: Sequence[str]) -> list[Any]:
    """Columns of the scores in blocks of examples, in any order; each a row of bytes.

    Returns:
        rows of `position` and the named columns: big-endian int32 for those in INTEGERS, where
        a rank that is null is 0 and a label -1, else float64, where null is NaN.
    """
    chosen = "".join(f", string_agg({_packed(name)}, '') AS {name}" for name in names)
    return rows(
        db,
        f"SELECT string_agg(int4send(position), '') AS position{chosen} FROM scores"  # noqa: S608
        f" WHERE scan_id = %(scan)s GROUP BY position / {_PACKED}",
        {"scan": scan_id},
        binary=True,
    )


def _packed(name: str) -> str:
    column = Score.__table__.columns[name].name  # a name that is no column never gets into SQL
    if name in INTEGERS:
        return f"int4send(coalesce({column}, {-1 if name in _LABELS else 0}))"
    return f"float8send(coalesce({column}, 'NaN'))"


def packed_flags(db: Session, scan_id: uuid.UUID) -> bytes:
    """Positions of the flagged examples: big-endian int32."""
    found = rows(
        db,
        "SELECT string_agg(int4send(position), '') AS position FROM flags WHERE scan_id = %(scan)s",
        {"scan": scan_id},
        binary=True,
    )
    return found[0].position or b""
