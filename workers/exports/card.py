"""The provenance card: where an export comes from, and what was done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.datasets.models import Dataset, Format
from app.db import new_id
from app.exports.models import Export, ExportKind, TableFormat
from app.exports.schemas import Card, CountsOut, QueueOnCard, SourceOut
from app.reviews.decisions import queues_named
from cleantrace.version import __version__
from workers.exports.cells import CSV_NOTE
from workers.exports.progress import Progress

_LATER_COUNTS = "Where queues disagree, what was decided later counts."
_ISSUES = (
    "Cleanlab's names: `is_label_issue` is what the scan flagged, `label_quality` is 1 - suspicion "
    "(empty where there is none). Rows stand in the data set's order; labels are indices into the "
    "dataset's `classes`, or numbers in a regression."
)
_TASKS = (
    "Give a project of Label Studio the labelling interface, then import the tasks. Its JSON "
    "export brings the annotations back, by the tasks' `key`."
)
_RECORDS = (
    "`rg.Settings.from_json` reads the settings, `dataset.records.from_json` the records. Their "
    "ids are the examples' keys, by which responses come back."
)
_IN_TEXTS = (
    "The most suspicious first. A queue that is blind or hides suggestions tells none here either."
)
_CLASSES = (
    "A class whose name is not visible, or would be changed, is written as JSON, in quotes; it "
    "comes back as the class that it is."
)
_AS_THEY_ARE = (
    "Cells are those of the source, not made safe to show: open the file with what reads data, not "
    "with a spreadsheet."
)

_EVIDENCE = (
    (
        "`attestation.intoto.json` in it lists all other files with their SHA-256 and is signed. "
        "`cleantrace exports verify ARCHIVE` says whether all of it holds; openssl can, too."
    ),
    (
        "`summary.html` is for people, all else for programs. Verdicts on canaries are counted in "
        "`estimate.json` and stand nowhere else."
    ),
)


def card_of(db: Session, export: Export, dataset: Dataset, progress: Progress) -> Card:
    taken, request = progress.taken, export.request
    queues = queues_named(db, [UUID(each) for each in request["queue_ids"]])
    return Card(
        source=SourceOut(
            dataset_id=dataset.id,
            name=dataset.name,
            version=dataset.version,
            uri=dataset.uri,
            format=dataset.format,
            fingerprint=dataset.fingerprint,
            examples=dataset.example_count or 0,
        ),
        scan_id=taken.get("scan_id", request["scan_id"]),
        as_of=taken.get("as_of"),
        queues=[
            QueueOnCard(
                id=queue.id,
                name=queue.name,
                scan_id=queue.scan_id,
                overlap=queue.overlap,
                counted=taken["queues"].get(str(number), 0),
            )
            for number, queue in enumerate(queues)
        ],
        counts=_counts(dataset.example_count or 0, taken) if "outcomes" in taken else None,
        fingerprint=progress.fingerprint or None,
        registered_id=new_id() if request["register_as"] is not None else None,
        notes=list(_notes(export, dataset)),
        key_id=taken.get("key_id"),
        made_by=f"cleantrace {__version__}",
    )


def _counts(examples: int, taken: dict[str, Any]) -> CountsOut:
    outcomes = taken["outcomes"]
    return CountsOut(
        examples=examples,
        right=outcomes.get("right", 0),
        relabelled=outcomes.get("relabel", 0),
        removed=outcomes.get("unusable", 0),
        disputed=taken["disputed"],
        unsure=taken["unsure"],
        unreviewed=examples - sum(outcomes.values()) - taken["disputed"],
        conflicts=taken["conflicts"],
    )


def _notes(export: Export, dataset: Dataset) -> list[str]:
    if export.kind == ExportKind.cleanlab:
        csv_note = [CSV_NOTE] if export.request["format"] == TableFormat.csv else []
        return [_ISSUES, *csv_note]
    if export.kind == ExportKind.evidence:
        return list(_EVIDENCE)
    if export.kind == ExportKind.label_studio:
        return [_TASKS, _IN_TEXTS, _CLASSES]
    if export.kind == ExportKind.argilla:
        return [_RECORDS, _IN_TEXTS, _CLASSES]
    notes = [_LATER_COUNTS]
    if export.kind == ExportKind.patch:
        notes.append("`relabel` gives an example the label `new`; `remove` takes it out.")
        return [*notes, CSV_NOTE] if export.request["format"] == TableFormat.csv else notes
    notes.append(
        "Rows that indexing rejected, and examples found not usable, are left out. All other rows "
        "stand in the source's order; but for labels nothing is changed."
    )
    if dataset.format == Format.image_folder:
        notes.append("The label file of the images, which stay where they are: put it beside them.")
    return [*notes, _AS_THEY_ARE] if dataset.format in (Format.csv, Format.image_folder) else notes
