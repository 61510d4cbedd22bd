"""What a project's first page shows: queues, scans, data sets, verdicts, and what happened last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.access import audit_log
from app.access.models import Role
from app.access.service import Caller
from app.datasets.service import list_datasets
from app.datasets.views import DatasetRow, dataset_rows
from app.gates.policies_view import VerdictRow, evaluation_rows
from app.gates.service import list_evaluations
from app.reviews.project_view import ProjectReviews, project_reviews
from app.scans.service import list_scans
from app.scans.views import ScanRow, scan_rows

_SHOWN = 5
_ENTRIES_SHOWN = 6


@dataclass(frozen=True)
class Entry:
    """A line of the audit log."""

    at: datetime
    who: str
    what: str
    subject: str


@dataclass(frozen=True)
class Overview:
    reviews: ProjectReviews
    scans: list[ScanRow]
    datasets: list[DatasetRow]
    verdicts: list[VerdictRow]
    entries: list[Entry] | None
    """None: the log is not theirs to see."""

    @property
    def is_empty(self) -> bool:
        return not (self.reviews.figures or self.scans or self.datasets)


def overview(db: Session, caller: Caller) -> Overview:
    scans, _ = list_scans(db, caller, limit=_SHOWN)
    datasets, _ = list_datasets(db, caller, limit=_SHOWN)
    verdicts, _ = list_evaluations(db, caller, limit=_SHOWN)
    return Overview(
        reviews=project_reviews(db, caller, _SHOWN),
        scans=scan_rows(db, caller, scans),
        datasets=dataset_rows(caller, datasets),
        verdicts=evaluation_rows(db, caller, verdicts),
        entries=_entries(db, caller) if caller.role.includes(Role.admin) else None,
    )


def _entries(db: Session, caller: Caller) -> list[Entry]:
    rows, _ = audit_log.list_entries(db, caller, limit=_ENTRIES_SHOWN)
    return [
        Entry(
            at=row.at,
            who=row.caller.partition(" <")[0].partition(" (")[0],
            what=row.action.replace("_", " "),
            subject=str(row.details.get("name") or row.subject.partition(" ")[0]),
        )
        for row in rows
    ]
