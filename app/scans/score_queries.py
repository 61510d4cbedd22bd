"""SQL of scores and flags: bulk writing by COPY, keyset pages for reading."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, exists, select, tuple_
from sqlalchemy.orm import Session

from app.datasets.models import Example
from app.db import copy_csv, copy_out
from app.scans.models import Flag, Scan, Score
from app.scans.schemas import Order

SCORE_COLUMNS = tuple(column.name for column in Score.__table__.columns)
FLAG_COLUMNS = tuple(column.name for column in Flag.__table__.columns)

# Most suspicious first: large for all scores but the margin and the given label's probability.
_ASCENDING = {Order.rank, Order.position, Order.margin, Order.given_probability}


def replace_results(
    db: Session, scan_id: uuid.UUID, scores: Iterable[bytes], flags: Iterable[bytes]
) -> None:
    """COPY a scan's scores and flags in, in the place of any from an earlier try.

    Args:
        scores, flags: chunks of CSV lines, with SCORE_COLUMNS and FLAG_COLUMNS.
    """
    db.execute(delete(Score).where(Score.scan_id == scan_id))
    db.execute(delete(Flag).where(Flag.scan_id == scan_id))
    copy_csv(db, "scores", SCORE_COLUMNS, scores)
    copy_csv(db, "flags", FLAG_COLUMNS, flags)


def scores_page(
    db: Session,
    scan: Scan,
    *,
    order: Order,
    given_label: int | None = None,
    predicted_label: int | None = None,
    finite: bool | None = None,
    flagged: bool | None = None,
    after: tuple[Any, int] | None,
    limit: int,
) -> Sequence[Row[Score, str, bool]]:
    """Rows of (Score, key, flagged). Rows without the ordering score are left out."""
    column = getattr(Score, order.value)
    query = _scores(scan).where(column.is_not(None))
    if given_label is not None:
        query = query.where(Score.given_label == given_label)
    if predicted_label is not None:
        query = query.where(Score.predicted_label == predicted_label)
    if finite is not None:
        query = query.where(Score.finite == finite)
    if flagged is not None:
        query = query.where(_is_flagged if flagged else ~_is_flagged)
    if order in _ASCENDING:
        query = query.order_by(column, Score.position)
        if after is not None:
            query = query.where(tuple_(column, Score.position) > after)
    else:
        query = query.order_by(column.desc(), Score.position.desc())
        if after is not None:
            query = query.where(tuple_(column, Score.position) < after)
    return db.execute(query.limit(limit)).all()


_is_flagged = exists().where(Flag.scan_id == Score.scan_id, Flag.position == Score.position)


def _scores(scan: Scan) -> Select[Score, str, bool]:
    return (
        select(Score, Example.key, _is_flagged.label("flagged"))
        .join(
            Example,
            (Example.dataset_id == scan.dataset_id) & (Example.position == Score.position),
        )
        .where(Score.scan_id == scan.id)
    )


def score_at(db: Session, scan: Scan, position: int) -> Row[Score, str, bool] | None:
    return db.execute(_scores(scan).where(Score.position == position)).first()


def scores_at(db: Session, scan: Scan, positions: Sequence[int]) -> Sequence[Row[Score, str, bool]]:
    return db.execute(_scores(scan).where(Score.position.in_(positions))).all()


def flag_at(db: Session, scan_id: uuid.UUID, position: int) -> Flag | None:
    return db.get(Flag, (scan_id, position))


def flags_page(
    db: Session,
    scan: Scan,
    *,
    given_label: int | None = None,
    suggested_label: int | None = None,
    after: int | None,
    limit: int,
) -> Sequence[Row[Flag, str, float | None]]:
    """Rows of (Flag, key, given_target), the most suspicious first."""
    query = (
        select(Flag, Example.key, Example.given_target)
        .join(
            Example,
            (Example.dataset_id == scan.dataset_id) & (Example.position == Flag.position),
        )
        .where(Flag.scan_id == scan.id)
    )
    if given_label is not None:
        query = query.where(Flag.given_label == given_label)
    if suggested_label is not None:
        query = query.where(Flag.suggested_label == suggested_label)
    if after is not None:
        query = query.where(Flag.rank > after)
    return db.execute(query.order_by(Flag.rank).limit(limit)).all()


def flags_at(db: Session, scan_id: uuid.UUID, positions: Sequence[int]) -> Sequence[Flag]:
    return db.scalars(
        select(Flag).where(Flag.scan_id == scan_id, Flag.position.in_(positions))
    ).all()


def positions_around(
    db: Session,
    scan_id: uuid.UUID,
    rank: int,
    *,
    flagged: bool,
    given_label: int | None = None,
    predicted_label: int | None = None,
) -> tuple[int | None, int | None]:
    """Positions of the neighbours in the ranking, before and after, within a filter."""
    table = Flag if flagged else Score
    query = select(table.position).where(table.scan_id == scan_id)
    if given_label is not None:
        query = query.where(table.given_label == given_label)
    if predicted_label is not None:
        guess = Flag.suggested_label if flagged else Score.predicted_label
        query = query.where(guess == predicted_label)
    before = query.where(table.rank < rank).order_by(table.rank.desc()).limit(1)
    after = query.where(table.rank > rank).order_by(table.rank).limit(1)
    return db.scalar(before), db.scalar(after)


_ISSUES = """
    SELECT score.position, flag.position IS NOT NULL, score.suspicion, score.predicted_label,
        score.predicted_value
    FROM scores score LEFT JOIN flags flag USING (scan_id, position)
    WHERE scan_id = %(scan)s AND position >= %(start)s AND position < %(stop)s
    ORDER BY position
"""


def copy_issues(
    db: Session, scan_id: uuid.UUID, start: int, stop: int
) -> Iterator[memoryview | bytes]:
    return copy_out(db, _ISSUES, {"scan": scan_id, "start": start, "stop": stop})


_SCORES = f"""
    SELECT {", ".join(f"score.{name}" for name in SCORE_COLUMNS[1:])},
        flag.position IS NOT NULL
    FROM scores score LEFT JOIN flags flag USING (scan_id, position)
    WHERE scan_id = %(scan)s AND position >= %(start)s AND position < %(stop)s
    ORDER BY position
"""  # noqa: S608 - names of columns
_FLAGS = f"""
    SELECT {", ".join(FLAG_COLUMNS[1:])} FROM flags
    WHERE scan_id = %(scan)s AND position >= %(start)s AND position < %(stop)s
    ORDER BY position
"""  # noqa: S608 - names of columns


def copy_scores(
    db: Session, scan_id: uuid.UUID, start: int, stop: int
) -> Iterator[memoryview | bytes]:
    return copy_out(db, _SCORES, {"scan": scan_id, "start": start, "stop": stop})


def copy_flags(
    db: Session, scan_id: uuid.UUID, start: int, stop: int
) -> Iterator[memoryview | bytes]:
    return copy_out(db, _FLAGS, {"scan": scan_id, "start": start, "stop": stop})


SUSPECT_COLUMNS = (
    "position",
    "rank",
    "given_label",
    "suggested_label",
    "suggested_value",
    "suspicion",
    "reason",
)
_RANKED_FLAGS = f"""
    SELECT {", ".join(SUSPECT_COLUMNS)} FROM flags WHERE scan_id = %(scan)s ORDER BY rank
"""  # noqa: S608 - names of columns


def copy_ranked_flags(db: Session, scan_id: uuid.UUID) -> Iterator[memoryview | bytes]:
    return copy_out(db, _RANKED_FLAGS, {"scan": scan_id})
