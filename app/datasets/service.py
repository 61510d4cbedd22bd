"""Registering datasets, and looking at them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.datasets import queries
from app.datasets.errors import (
    DatasetExists,
    DatasetNotFound,
    DatasetNotReady,
    ExampleNotFound,
    NothingToRetry,
)
from app.datasets.models import BadRows, Dataset, DatasetStatus, RejectedRow
from app.datasets.schemas import DatasetIn, ExampleOut
from app.db import new_id, now
from app.nudges import nudge
from app.paging import cut_page
from app.uploads.service import locate

_KEPT_BY_CORRECTIONS = ("project_id", "name", "format", "task", "modality", "classes")


def register_dataset(db: Session, caller: Caller, body: DatasetIn) -> Dataset:
    """Register a dataset version and ask for it to be indexed.

    Raises:
        LocationNotAllowed, LocationNotFound: `uri` is outside the allowed roots, or empty.
        UploadNotFound, UploadUnfinished: it is no upload of the project's that is done.
        DatasetExists: the project has this name and version.
    """
    uri = locate(db, caller, body.uri)
    values = body.model_dump(mode="json", exclude={"uri"}) | {
        "id": new_id(),
        "project_id": caller.project_id,
        "uri": uri,
        "status": DatasetStatus.registered.value,
        "created_at": now(),
        "nudged_at": now(),
        "rows_done": 0,
        "attempts": 0,
    }
    dataset = queries.add_dataset(db, values)
    if dataset is None:
        raise version_taken(body.name, body.version)
    audit(db, caller, "register_dataset", f"dataset {dataset.id}", name=body.name)
    nudge(db, "datasets.index", dataset.id)
    return dataset


def register_correction(
    db: Session,
    parent: Dataset,
    *,
    dataset_id: UUID,
    version: str,
    uri: str,
    columns: dict[str, Any] | None,
    export_id: UUID,
) -> Dataset:
    """Register what an export wrote as a further version, and ask for it to be indexed.

    Raises:
        DatasetExists: the version was taken meanwhile.
    """
    values = {name: getattr(parent, name) for name in _KEPT_BY_CORRECTIONS} | {
        "id": dataset_id,
        "version": version,
        "uri": uri,
        "columns": columns,
        # What was rejected was not exported.
        "on_bad_rows": BadRows.fail.value,
        "parent_id": parent.id,
        "export_id": export_id,
        "status": DatasetStatus.registered.value,
        "created_at": now(),
        "nudged_at": now(),
        "rows_done": 0,
        "attempts": 0,
    }
    dataset = queries.add_dataset(db, values)
    if dataset is None:
        raise version_taken(parent.name, version)
    nudge(db, "datasets.index", dataset.id)
    return dataset


def require_free_version(db: Session, dataset: Dataset, version: str, field: str) -> None:
    """Raises DatasetExists."""
    if queries.version_exists(db, dataset.project_id, dataset.name, version):
        raise version_taken(dataset.name, version, field)


def version_taken(name: str, version: str, field: str = "version") -> DatasetExists:
    return DatasetExists(
        f"The dataset {name!r} has a version {version!r} already.",
        field=field,
        remedy="A registered version never changes: register the data under a new version.",
    )


def get_dataset(db: Session, caller: Caller, dataset_id: UUID) -> Dataset:
    dataset = queries.dataset(db, caller.project_id, dataset_id)
    if dataset is None:
        raise DatasetNotFound(
            f"There is no dataset {dataset_id} in this project.",
            field="dataset_id",
            remedy="List the datasets to see their ids.",
        )
    return dataset


def get_ready_dataset(db: Session, caller: Caller, dataset_id: UUID) -> Dataset:
    """Raises DatasetNotFound; DatasetNotReady: it failed, or is being indexed."""
    dataset = get_dataset(db, caller, dataset_id)
    if dataset.status == DatasetStatus.failed:
        raise DatasetNotReady(
            f"The dataset could not be indexed: {(dataset.failure or {}).get('detail', '')}",
            remedy="Mend what its `failure` says, then retry it.",
        )
    if dataset.status != DatasetStatus.ready:
        raise DatasetNotReady(
            "The dataset is still being indexed.",
            remedy="Wait until its `status` is `ready`.",
        )
    return dataset


def list_datasets(
    db: Session,
    caller: Caller,
    *,
    name: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[Dataset], str | None]:
    rows = queries.datasets_newest_first(
        db, caller.project_id, name=name, after=after, limit=limit + 1
    )
    return cut_page(rows, limit, lambda dataset: (dataset.created_at, dataset.id))


def datasets_of(db: Session, ids: Iterable[UUID]) -> dict[UUID, Dataset]:
    """The datasets of scans or runs whose tenancy was checked, in one statement."""
    return {dataset.id: dataset for dataset in queries.datasets_by_id(db, list(set(ids)))}


def list_rejected_rows(
    db: Session, caller: Caller, dataset_id: UUID, *, after: int | None = None, limit: int = 50
) -> tuple[list[RejectedRow], str | None]:
    get_dataset(db, caller, dataset_id)
    rows = queries.rejected_rows(db, dataset_id, after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda rejected: (rejected.row,))


def retry_dataset(db: Session, caller: Caller, dataset_id: UUID) -> Dataset:
    """Index a failed dataset again, after its cause was mended."""
    dataset = get_dataset(db, caller, dataset_id)
    if not queries.reset_indexing(db, dataset_id):
        raise NothingToRetry(
            f"The dataset has not failed: it is {dataset.status}.",
            remedy="Only a failed dataset can be retried.",
        )
    audit(db, caller, "retry_dataset", f"dataset {dataset_id}")
    nudge(db, "datasets.index", dataset_id)
    db.refresh(dataset)
    return dataset


def label_name(dataset: Dataset, label: int | None) -> str | None:
    """The class name of an index; None for None or in a regression."""
    if label is None or dataset.classes is None:
        return None
    return dataset.classes[label]


def get_example(db: Session, dataset: Dataset, position: int) -> ExampleOut:
    row = queries.example_at(db, dataset.id, position)
    if row is None:
        raise ExampleNotFound(
            f"There is no example {position} in dataset {dataset.name!r}.",
            field="position",
            remedy=f"Positions run from 0 to {(dataset.example_count or 0) - 1}.",
        )
    return ExampleOut(
        position=row.position,
        key=row.key,
        given_label=label_name(dataset, row.given_label),
        given_target=row.given_target,
    )


def find_position(db: Session, dataset: Dataset, key: str) -> int:
    """Raises ExampleNotFound: no example of the dataset has this key."""
    position = queries.position_of_key(db, dataset.id, key)
    if position is None:
        raise ExampleNotFound(
            f"No example of dataset {dataset.name!r} has the key {key!r}.",
            field="key",
            remedy="Check the key; keys are case-sensitive.",
        )
    return position
