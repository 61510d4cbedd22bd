"""Telling webhooks that a scan is over."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.scans import job_queries
from app.scans.models import ScanStatus
from app.webhooks import service as webhooks
from app.webhooks.events import Event, ScanEnded

_EVENT_OF = {
    ScanStatus.complete: Event.scan_complete,
    ScanStatus.failed: Event.scan_failed,
    ScanStatus.cancelled: Event.scan_cancelled,
}


def announce_end(db: Session, scan_id: UUID) -> None:
    """Called by whoever has just ended a scan, in the transaction in which they did."""
    scan = job_queries.ended_scan(db, scan_id)
    status = ScanStatus(scan.status)
    webhooks.emit(
        db,
        scan.project_id,
        _EVENT_OF[status],
        ScanEnded.model_validate(
            {
                "scan_id": scan.id,
                "status": status.value,
                "dataset_id": scan.dataset_id,
                "run_id": scan.run_id,
                "example_count": scan.example_count,
                "flagged_count": scan.flagged_count if status is ScanStatus.complete else None,
                "failure": (scan.failure or {}).get("detail"),
            }
        ),
    )
