"""SQL that reads whole columns of a scan's results, packed: a row an example would be slow."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.db import rows
from app.scans.models import Score

_LABELS = {"given_label", "predicted_label"}
INTEGERS = frozenset({"rank", *_LABELS})


def packed_scores(
    db: Session, scan_id: uuid.UUID, names: Sequence[str], start: int, stop: int
) -> Any:
    """Columns of the scores of those examples whose positions are in `start` to before `stop`.

    Returns:
        a row of `position` and the named columns, all in the same order: big-endian int32 for those
        in INTEGERS, where a rank that is null is 0 and a label -1, else float64, where null is NaN;
        null where there is no such example.
    """
    chosen = "".join(f", string_agg({_packed(name)}, '') AS {name}" for name in names)
    (row,) = rows(
        db,
        f"SELECT string_agg(int4send(position), '') AS position{chosen} FROM scores"  # noqa: S608
        " WHERE scan_id = %(scan)s AND position >= %(start)s AND position < %(stop)s",
        {"scan": scan_id, "start": start, "stop": stop},
        binary=True,
    )
    return row


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
