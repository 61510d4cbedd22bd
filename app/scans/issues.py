"""A scan's results as a stream, for rooms that take them out of the service."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy.orm import Session

from app.scans import score_queries

SCORE_COLUMNS = (*score_queries.SCORE_COLUMNS[1:], "flagged")
FLAG_COLUMNS = score_queries.FLAG_COLUMNS[1:]
SUSPECT_COLUMNS = score_queries.SUSPECT_COLUMNS
ISSUE_COLUMNS = ("position", "is_flagged", "suspicion", "predicted_label", "predicted_value")


def copy_ranked_flags(db: Session, scan_id: UUID) -> Iterator[memoryview | bytes]:
    """What the scan flagged: CSV lines with SUSPECT_COLUMNS, the most suspicious first."""
    return score_queries.copy_ranked_flags(db, scan_id)


def copy_issues(db: Session, scan_id: UUID, start: int, stop: int) -> Iterator[memoryview | bytes]:
    """Of the examples at positions start..stop-1: CSV lines with ISSUE_COLUMNS, in order."""
    return score_queries.copy_issues(db, scan_id, start, stop)


def copy_scores(db: Session, scan_id: UUID, start: int, stop: int) -> Iterator[memoryview | bytes]:
    """Of the same examples all scores: CSV lines with SCORE_COLUMNS, in order."""
    return score_queries.copy_scores(db, scan_id, start, stop)


def copy_flags(db: Session, scan_id: UUID, start: int, stop: int) -> Iterator[memoryview | bytes]:
    """The flags among them: CSV lines with FLAG_COLUMNS, in order."""
    return score_queries.copy_flags(db, scan_id, start, stop)
