"""Asking for exports, and looking at them. A worker makes them: `workers/exports`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.artifacts import ArtifactStore
from app.datasets.models import Dataset, Format
from app.datasets.service import get_ready_dataset, require_free_version
from app.db import new_id, now
from app.exports import queries
from app.exports.errors import (
    ExportFileNotFound,
    ExportNotDone,
    ExportNotFound,
    ImageBaseUnfit,
    NothingReviewed,
    NothingScanned,
)
from app.exports.models import Export, ExportKind
from app.exports.schemas import Card, ExportIn, ExportOut, FileOut
from app.jobs.models import JobStatus
from app.nudges import nudge
from app.paging import cut_page
from app.reviews.blindness import has_sight, require_sight
from app.reviews.decisions import deciding_queues
from app.reviews.errors import OtherDataset
from app.reviews.models import ReviewQueue
from app.scans.results import open_results
from app.scans.service import latest_scan
from app.settings import settings
from app.signing.service import require_signer


def create_export(db: Session, caller: Caller, body: ExportIn) -> Export:
    """Ask for an export. What was decided counts as of when a worker begins.

    Raises:
        DatasetNotFound, DatasetNotReady, QueueNotFound, OtherDataset.
        ScanNotFound, ScanNotComplete; OtherDataset: the scan is of another dataset, too.
        NothingReviewed: the dataset has no review queue.
        NothingScanned, SigningUnavailable: of evidence.
        DatasetExists: the version to register is taken.
        ImageBaseUnfit: the dataset is no image folder.
    """
    dataset = get_ready_dataset(db, caller, body.dataset_id)
    scan_id = body.scan_id
    if body.kind is ExportKind.evidence:
        require_signer(db)
        scan_id = scan_id or _latest_scan(db, dataset)
    if scan_id is not None:
        _require_scan_of(db, caller, scan_id, dataset)
    queues = _queues(db, caller, body, dataset)
    if body.register_as is not None:
        require_free_version(db, dataset, body.register_as, "register_as")
    if body.image_base is not None and dataset.format != Format.image_folder:
        raise ImageBaseUnfit(
            "Only images of a folder have a place of their own.",
            field="image_base",
            remedy="Leave `image_base` out: the files hold the images themselves.",
        )
    named = {
        "queue_ids": [str(queue.id) for queue in queues],
        "scan_id": None if scan_id is None else str(scan_id),
    }
    export = Export(
        id=new_id(),
        project_id=caller.project_id,
        dataset_id=dataset.id,
        kind=body.kind.value,
        request=body.model_dump(mode="json") | named,
        created_by=caller.label,
        nudged_at=now(),
    )
    db.add(export)
    db.flush()
    audit(db, caller, "create_export", f"export {export.id}", kind=body.kind.value)
    nudge(db, "exports.make", export.id)
    return export


def _require_scan_of(db: Session, caller: Caller, scan_id: UUID, dataset: Dataset) -> None:
    if open_results(db, caller, scan_id).dataset.id != dataset.id:
        raise OtherDataset(
            "The scan is of another dataset.",
            field="scan_id",
            remedy=f"Name a complete scan of the dataset {dataset.id}.",
        )


def _latest_scan(db: Session, dataset: Dataset) -> UUID:
    scan = latest_scan(db, dataset, complete=True)
    if scan is None:
        raise NothingScanned(
            f"The dataset {dataset.name!r} has no complete scan: there is no evidence of it.",
            field="dataset_id",
            remedy="Start a scan of it, and wait until it is complete.",
        )
    return scan.id


def _queues(db: Session, caller: Caller, body: ExportIn, dataset: Dataset) -> list[ReviewQueue]:
    if body.kind is ExportKind.cleanlab or (body.kind.is_for_annotators and body.scan_id):
        return []
    queues = deciding_queues(db, caller, dataset.id, body.queue_ids)
    # That nothing was reviewed is evidence too.
    if not queues and body.kind is not ExportKind.evidence:
        raise NothingReviewed(
            f"The dataset {dataset.name!r} has no review queue: there is nothing to export.",
            field="dataset_id",
            remedy="Make a review queue from one of its scans, and decide what is in it.",
        )
    return queues


def get_export(db: Session, caller: Caller, export_id: UUID) -> Export:
    """Raises ExportNotFound; UnderBlindReview: what it counts would tell roles of items."""
    export = queries.export(db, caller.project_id, export_id)
    if export is None:
        raise ExportNotFound(
            f"There is no export {export_id} in this project.",
            field="export_id",
            remedy="List the exports to see their ids.",
        )
    require_sight(db, caller, export.dataset_id)
    return export


def list_exports(
    db: Session,
    caller: Caller,
    *,
    dataset_id: UUID | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[Export], str | None]:
    """The newest first, without those of datasets that are reviewed blindly by the caller."""
    rows = queries.exports_newest_first(
        db, caller.project_id, dataset_id=dataset_id, after=after, limit=limit + 1
    )
    page, following = cut_page(rows, limit, lambda export: (export.created_at, export.id))
    seen = {each: has_sight(db, caller, each) for each in {export.dataset_id for export in page}}
    return [export for export in page if seen[export.dataset_id]], following


def describe(export: Export) -> ExportOut:
    request, result = export.request, export.result or {}
    return ExportOut.model_validate(
        {
            "id": export.id,
            "dataset_id": export.dataset_id,
            "kind": export.kind,
            "format": request["format"],
            "queue_ids": request["queue_ids"],
            "scan_id": request["scan_id"],
            "image_base": request.get("image_base"),
            "register_as": request["register_as"],
            "status": export.status,
            "failure": export.failure,
            "rows_done": export.rows_done,
            "files": result.get("files", []),
            "card": result.get("card"),
            "created_at": export.created_at,
            "created_by": export.created_by,
        }
    )


def card_of(export: Export) -> Card:
    """Raises ExportNotDone."""
    _require_done(export)
    assert export.result is not None
    return Card.model_validate(export.result["card"])


def open_file(db: Session, caller: Caller, export_id: UUID, number: int) -> tuple[FileOut, Path]:
    """A file of an export, and where it lies on this machine.

    Raises:
        ExportNotFound, ExportNotDone, ExportFileNotFound.
    """
    export = get_export(db, caller, export_id)
    _require_done(export)
    files = (export.result or {})["files"]
    if not 0 <= number < len(files):
        raise ExportFileNotFound(
            f"The export has no file {number}.",
            field="number",
            remedy=f"Its files are numbered from 0 to {len(files) - 1}.",
        )
    path = ArtifactStore(settings().artifacts).local_path(files[number]["artifact"])
    return FileOut.model_validate(files[number]), path


def _require_done(export: Export) -> None:
    if export.status == JobStatus.failed:
        raise ExportNotDone(
            f"The export failed: {(export.failure or {}).get('detail', '')}",
            remedy="Mend what its `failure` says, then ask for a new export.",
        )
    if export.status != JobStatus.done:
        raise ExportNotDone(
            "The export is still being made.", remedy="Wait until its `status` is `done`."
        )
