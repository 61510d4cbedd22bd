"""SQL that puts two versions of a dataset side by side."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, Example
from app.db import streamed
from app.scans.models import Scan, ScanStatus

_IN_A_BLOCK = 1 << 17  # positions, whose columns come as a few values of half a MB
_LABELS = "int4send(coalesce({}.given_label, -1))"
_TARGETS = "float8send(coalesce({}.given_target, 'NaN'))"


def joined_blocks(
    db: Session, now_id: uuid.UUID, was_id: uuid.UUID, *, has_targets: bool
) -> Iterator[Any]:
    """Examples of two datasets by key, those without a partner too, in any order.

    Returns:
        rows of packed columns: `now` and `was`, positions as big-endian int32, -1 for none;
        `label` and `label_was`, likewise, -1 for none, or of targets big-endian float64, NaN for
        none.
    """
    label = _TARGETS if has_targets else _LABELS
    # Two whole scans and one hash join, whatever the size; what comes out is packed at once.
    statement = f"""
        SELECT string_agg(int4send(coalesce(now.position, -1)), '') AS now,
            string_agg(int4send(coalesce(was.position, -1)), '') AS was,
            string_agg({label.format("now")}, '') AS label,
            string_agg({label.format("was")}, '') AS label_was
        FROM (SELECT * FROM examples WHERE dataset_id = %(now)s) now
        FULL JOIN (SELECT * FROM examples WHERE dataset_id = %(was)s) was USING (key)
        GROUP BY now.position IS NULL, coalesce(now.position, was.position) / {_IN_A_BLOCK}
    """  # noqa: S608
    return streamed(db, statement, {"now": now_id, "was": was_id})


def keys_at(db: Session, dataset_id: uuid.UUID, positions: Sequence[int]) -> dict[int, str]:
    query = select(Example.position, Example.key).where(
        Example.dataset_id == dataset_id, Example.position.in_(positions)
    )
    return {row.position: row.key for row in db.execute(query)}


def positions_of(db: Session, dataset_id: uuid.UUID, keys: Sequence[str]) -> dict[str, int]:
    query = select(Example.position, Example.key).where(
        Example.dataset_id == dataset_id, Example.key.in_(keys)
    )
    return {row.key: row.position for row in db.execute(query)}


def comparable_scans(db: Session, scan: Scan, name: str, limit: int) -> Sequence[Row[Scan, str]]:
    """Rows of (scan, version): other complete scans of a dataset's versions, the newest first."""
    query = (
        select(Scan, Dataset.version)
        .join(Dataset, Dataset.id == Scan.dataset_id)
        .where(
            Scan.project_id == scan.project_id,
            Scan.id != scan.id,
            Scan.status == ScanStatus.complete,
            Dataset.name == name,
        )
        .order_by(Scan.created_at.desc(), Scan.id.desc())
        .limit(limit)
    )
    return db.execute(query).all()
