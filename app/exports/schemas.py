from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from app.exports.models import ExportKind, TableFormat
from app.jobs.models import JobStatus
from app.schemas import FailureOut, In, Name, Out, Uri


class ExportIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": "00000000-0000-0000-0000-000000000000",
                    "kind": "patch",
                    "format": "jsonl",
                },
                {
                    "dataset_id": "00000000-0000-0000-0000-000000000000",
                    "kind": "dataset",
                    "register_as": "2",
                },
                {
                    "dataset_id": "00000000-0000-0000-0000-000000000000",
                    "kind": "label-studio",
                    "scan_id": "00000000-0000-0000-0000-000000000000",
                },
            ]
        }
    )

    dataset_id: UUID
    kind: ExportKind = Field(
        description="`patch`: what was changed. `dataset`: the data set with its corrections. "
        "`cleanlab`: a scan's results, as cleanlab's table of label issues. `evidence`: scores, "
        "verdicts, audits, bounds, gates and where all of it comes from, in one signed archive. "
        "`label-studio`, `argilla`: a scan's flags, or a queue's open items, as tasks or records "
        "for these."
    )
    format: TableFormat | None = Field(
        None, description="Of kinds `patch` and `cleanlab`; all others have their own."
    )
    scan_id: UUID | None = Field(
        None,
        description="Of kind `cleanlab`; of `label-studio` and `argilla` unless a queue is. Of "
        "kind `evidence`: the latest complete one if left out.",
    )
    queue_ids: list[UUID] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Whose outcomes count; all queues of the dataset if left out. Of "
        "`label-studio` and `argilla`: the one queue whose open items are meant.",
    )
    image_base: Uri | None = Field(
        None,
        description="Of `label-studio` and `argilla`, for an image folder: where the tool finds "
        "it, such as `https://images.example/` or `/data/local-files/?d=images/`. Each image is "
        "this and its path in the folder; otherwise the files hold the images themselves.",
    )
    register_as: Name | None = Field(
        None, description="Register the corrected data set as this version of the dataset."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        is_table = self.kind in (ExportKind.patch, ExportKind.cleanlab)
        if is_table != (self.format is not None):
            raise ValueError("a patch and cleanlab's table need a `format`, all else has its own")
        if self.kind.is_for_annotators:
            of_queue = len(self.queue_ids or ()) == 1
            if of_queue == (self.scan_id is not None) or len(self.queue_ids or ()) > 1:
                raise ValueError("name either a `scan_id` or one queue in `queue_ids`")
        if self.kind is ExportKind.cleanlab and self.scan_id is None:
            raise ValueError("the kind `cleanlab` needs a `scan_id`")
        if self.kind in (ExportKind.patch, ExportKind.dataset) and self.scan_id is not None:
            raise ValueError("what people decided is of no one scan: leave `scan_id` out")
        if self.kind is ExportKind.cleanlab and self.queue_ids is not None:
            raise ValueError("what people decided has no part in a scan's results")
        if self.image_base is not None and not self.kind.is_for_annotators:
            raise ValueError("`image_base` is for the kinds `label-studio` and `argilla` only")
        if self.register_as is not None and self.kind is not ExportKind.dataset:
            raise ValueError("`register_as` is for the kind `dataset` only")
        return self


class FileOut(Out):
    """A file of an export: get it at `files/{number}`."""

    number: int
    name: str
    media_type: str
    rows: int
    bytes: int
    sha256: str


class SourceOut(Out):
    """The version that was exported."""

    dataset_id: UUID
    name: str
    version: str
    uri: str
    format: str
    fingerprint: str | None
    examples: int


class QueueOnCard(Out):
    """A queue whose outcomes count."""

    id: UUID
    name: str
    scan_id: UUID
    overlap: int
    counted: int = Field(
        description="Examples whose outcome is this queue's; of tasks and records: how many."
    )


class CountsOut(Out):
    """What became of the examples."""

    examples: int = Field(description="Of the source.")
    right: int = Field(description="Reviewed, and the given label is right.")
    relabelled: int
    removed: int = Field(description="Found not usable: they leave the corrected data set.")
    disputed: int = Field(description="People do not agree: the label stays as it was.")
    unsure: int = Field(description="Of these, somebody was unsure.")
    unreviewed: int
    conflicts: int = Field(description="Queues disagree: the later outcome counts.")


class Card(Out):
    """Where an export comes from, and what was done to it."""

    source: SourceOut
    scan_id: UUID | None = Field(None, description="Whose results these are.")
    as_of: datetime | None = Field(
        description="Verdicts up to this moment count; null for a scan's results."
    )
    queues: list[QueueOnCard]
    counts: CountsOut | None = Field(description="Of what people decided; null for all else.")
    fingerprint: str | None = Field(
        description="That registering the corrected data set gives; null for all else."
    )
    registered_id: UUID | None = Field(description="The dataset that it was registered as.")
    notes: list[str] = Field(description="What a reader of the files must know.")
    key_id: str | None = Field(
        None, description="The key that signed it, of `/api/v1/signing-keys`; null for all else."
    )
    made_by: str = Field(description="Version of this software.")


class ExportOut(Out):
    id: UUID
    dataset_id: UUID
    kind: ExportKind
    format: TableFormat | None
    queue_ids: list[UUID]
    scan_id: UUID | None
    image_base: str | None
    register_as: str | None
    status: JobStatus
    failure: FailureOut | None
    rows_done: int
    files: list[FileOut]
    card: Card | None
    created_at: datetime
    created_by: str
