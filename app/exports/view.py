"""What the page of exports shows: ready values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.access.models import Role
from app.access.service import Caller
from app.dashboard.formatting import moment, number, plural, size
from app.dashboard.frame import project_url
from app.exports.models import Export, ExportKind
from app.exports.schemas import CountsOut, ExportOut
from app.exports.service import describe
from app.jobs.models import JobStatus
from app.reviews.models import ReviewQueue
from app.scans.models import Scan, ScanStatus
from app.schemas import FailureOut

UNFINISHED = (JobStatus.queued, JobStatus.running)
_DECIDED = (
    ("jsonl", "Patch, JSON Lines"),
    ("csv", "Patch, CSV"),
    ("parquet", "Patch, Parquet"),
    ("dataset", "Corrected data set, in its own format"),
)
_TO_DECIDE = (
    (ExportKind.label_studio.value, "What is to be looked at, for Label Studio"),
    (ExportKind.argilla.value, "What is to be looked at, for Argilla"),
)
_EVIDENCE = ((ExportKind.evidence.value, "Evidence for an auditor, signed"),)
_NAMES = dict((*_DECIDED, *_TO_DECIDE, *_EVIDENCE))


_QUEUES_SHOWN = 50


@dataclass(frozen=True)
class FileRow:
    name: str
    url: str | None
    says: str
    sha256: str


@dataclass(frozen=True)
class ExportRow:
    """An export in the list."""

    id: str
    what: str
    status: str
    says: str
    created_at: datetime
    created_by: str
    failure: FailureOut | None
    files: list[FileRow]
    counts: list[tuple[str, str]]
    notes: list[str]
    fingerprint: str | None
    key_id: str | None
    """That signed it."""
    registered: str | None
    registered_url: str | None


def sources_of(scans: Sequence[Scan], queues: Sequence[ReviewQueue]) -> list[tuple[str, str]]:
    """Where what is to be looked at may come from: the newest first."""
    open_queues = [queue for queue in reversed(queues) if queue.closed_at is None]
    named = [(f"queue {each.id}", f"open in {each.name}") for each in open_queues[:_QUEUES_SHOWN]]
    for scan in scans:
        if scan.status != ScanStatus.complete:
            continue
        count = plural(scan.flagged_count or 0, "flag")
        named.append((f"scan {scan.id}", f"{count} of the scan of {moment(scan.created_at)}"))
    return named


def choices(*, is_reviewed: bool, is_scanned: bool, has_sources: bool) -> list[tuple[str, str]]:
    """What there is to export: values and names."""
    found: list[tuple[str, str]] = []
    for kinds, is_there in (
        (_DECIDED, is_reviewed),
        (_TO_DECIDE, has_sources),
        (_EVIDENCE, is_scanned),
    ):
        found += kinds if is_there else ()
    return found


def export_rows(caller: Caller, exports: Sequence[Export]) -> list[ExportRow]:
    return [_row(caller, describe(export)) for export in exports]


def _row(caller: Caller, export: ExportOut) -> ExportRow:
    base, card = project_url(caller), export.card
    registered = card.registered_id if card else None
    return ExportRow(
        id=str(export.id),
        what=_what(export),
        status=export.status.value,
        says=f"{plural(export.rows_done, 'row')} written" if export.rows_done else "",
        created_at=export.created_at,
        created_by=export.created_by,
        failure=export.failure,
        files=[
            FileRow(
                file.name,
                f"{base}/exports/{export.id}/files/{file.number}"
                if caller.role.includes(Role.engineer)
                else None,
                f"{plural(file.rows, 'row')}, {size(file.bytes)}"
                if file.rows
                else size(file.bytes),
                file.sha256,
            )
            for file in export.files
        ],
        counts=_counts(card.counts) if card and card.counts else [],
        notes=card.notes if card else [],
        fingerprint=card.fingerprint if card else None,
        key_id=card.key_id if card else None,
        registered=export.register_as,
        registered_url=f"{base}/datasets/{registered}" if registered else None,
    )


def _what(export: ExportOut) -> str:
    if export.kind is ExportKind.cleanlab:
        return "A scan's label issues, for cleanlab"
    return _NAMES[export.format.value if export.format else export.kind.value]


def _counts(counts: CountsOut) -> list[tuple[str, str]]:
    """Those that are not 0, and what was corrected in any case."""
    named = (
        ("relabelled", counts.relabelled),
        ("removed as not usable", counts.removed),
        ("found right", counts.right),
        ("disputed, left as they were", counts.disputed),
        ("not reviewed", counts.unreviewed),
        ("decided otherwise by another queue before", counts.conflicts),
    )
    return [(name, number(count)) for name, count in named if count or name == "relabelled"]
