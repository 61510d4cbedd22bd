"""What the page of imports shows: ready values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.dashboard.formatting import number, plural
from app.reviews import imports
from app.reviews import outcome_queries as queries
from app.reviews.import_schemas import ImportReport
from app.reviews.models import ReviewImport

_COUNTS = (
    ("new", "become verdicts"),
    ("changed", "change what their annotator said before"),
    ("unchanged", "are known already"),
    ("taken", "left out: their items have all the verdicts that they ask for"),
    ("mixed_in", "left out: audits and canaries are decided here alone"),
    ("repeated", "left out: the same annotator said something later"),
    ("invalid", "cannot be imported: their key or label is not known"),
)
_ROWS_SHOWN = 20


@dataclass(frozen=True)
class ReportView:
    title: str
    counts: list[tuple[str, str]]
    annotators: str
    invalid: list[tuple[str, str]]


@dataclass(frozen=True)
class ImportRow:
    id: str
    tool: str
    says: str
    annotators: str
    who: str
    at: datetime
    undone_at: datetime | None
    undo_url: str


def report_view(report: ImportReport, *, is_done: bool) -> ReportView:
    count = plural(report.annotations, "annotation")
    return ReportView(
        title=f"{count} imported" if is_done else f"What {count} would do",
        counts=[
            (number(getattr(report, name)), says)
            for name, says in _COUNTS
            if getattr(report, name) or name == "new"
        ],
        annotators=_annotators(report),
        invalid=[(row.key, row.message) for row in report.invalid_rows[:_ROWS_SHOWN]],
    )


def _annotators(report: ImportReport) -> str:
    return ", ".join(f"{each.name} {number(each.annotations)}" for each in report.annotators)


def import_rows(db: Session, made: Sequence[ReviewImport], url: str) -> list[ImportRow]:
    names = queries.names_of(db, [each.created_by for each in made]) if made else {}
    rows = []
    for each in made:
        found = imports.describe_import(each)
        rows.append(
            ImportRow(
                id=str(each.id),
                tool=each.tool,
                says=plural(found.new + found.changed, "verdict"),
                annotators=_annotators(found),
                who=names[each.created_by],
                at=each.created_at,
                undone_at=each.undone_at,
                undo_url=f"{url}/{each.id}/undo",
            )
        )
    return rows
