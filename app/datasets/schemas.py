from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator

from app.datasets.models import BadRows, DatasetStatus, Format, Modality, Task
from app.schemas import FailureOut, In, Name, Out, Uri


class ColumnsIn(In):
    """Which columns (or, in an `.npz`, arrays) hold what."""

    input: Name | Annotated[list[Name], Field(min_length=1)] | None = Field(
        None, description="The input column, or the list of numeric columns of a table."
    )
    label: Name | None = Field(None, description="The given label, or the target of a regression.")
    key: Name | None = Field(None, description="Your own id of each row; else a content hash.")
    label_file: Name | None = Field(
        None,
        description="image_folder only: a CSV beside the images with their paths and labels. "
        "Without it, each class has its own subfolder.",
    )


class DatasetIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "digits",
                    "version": "3",
                    "uri": "file:///data/digits.npz",
                    "format": "npz",
                    "task": "classification",
                    "columns": {"input": "images", "label": "labels", "key": "ids"},
                    "classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
                },
                {
                    "name": "reviews",
                    "version": "2026-11",
                    "uri": "s3://corpus/reviews.parquet",
                    "format": "parquet",
                    "task": "classification",
                    "columns": {"input": "text", "label": "sentiment", "key": "id"},
                    "on_bad_rows": "skip",
                },
            ]
        }
    )

    name: Name
    version: Name
    uri: Uri = Field(description="Where the data is; within the operator's allowed roots.")
    format: Format
    task: Task
    modality: Modality | None = Field(None, description="Found by indexing if left out.")
    columns: ColumnsIn | None = None
    classes: list[Name] | None = Field(
        None, description="Class names in the model's order; found by indexing if left out."
    )
    on_bad_rows: BadRows = Field(
        BadRows.fail, description="`skip` leaves unusable rows out and lists them."
    )

    @field_validator("classes")
    @classmethod
    def _distinct(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("class names must differ from one another")
        if value is not None and len(value) < 2:
            raise ValueError("name at least two classes, or leave this out")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> DatasetIn:
        if self.task is Task.regression and self.classes is not None:
            raise ValueError("a regression has no classes: leave `classes` out")
        columns = self.columns
        if self.format is not Format.image_folder:
            if columns is None or columns.input is None or columns.label is None:
                raise ValueError(
                    f"format {self.format.value} needs `columns.input` and `columns.label`"
                )
            if columns.label_file is not None:
                raise ValueError("`columns.label_file` is for format image_folder only")
        return self


class DatasetOut(Out):
    id: UUID
    name: str
    version: str
    uri: str
    format: Format
    task: Task
    modality: Modality | None
    columns: dict[str, Any] | None
    classes: list[str] | None
    on_bad_rows: BadRows
    status: DatasetStatus
    failure: FailureOut | None
    rows_done: int = Field(description="Rows read so far by the indexing job.")
    example_count: int | None
    rejected_count: int | None
    class_counts: dict[str, int] | None
    input_names: list[str] | None
    fingerprint: str | None = Field(description="SHA-256 over keys, labels and content, in order.")
    parent_id: UUID | None = Field(description="The version that it is a correction of.")
    export_id: UUID | None = Field(description="The export that wrote it.")
    created_at: datetime
    ready_at: datetime | None


class RejectedRowOut(Out):
    row: int = Field(description="Position in the source, from 0.")
    key: str | None
    reason: str


class ExampleOut(Out):
    position: int
    key: str
    given_label: str | None = Field(description="Class name; null in regression.")
    given_target: float | None = Field(description="Target; null in classification.")
