"""What a scan is about: its run, dataset and checkpoints, and the dataset's example store."""

from __future__ import annotations

from uuid import UUID

from app.artifacts import ArtifactStore
from app.datasets import queries as dataset_queries
from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset
from app.db import reading
from app.runs import service as runs
from app.runs.models import Checkpoint, TrainingRun
from app.scans.models import Scan
from app.settings import settings


def parts_of_scan(scan: Scan) -> tuple[TrainingRun, Dataset, list[Checkpoint]]:
    with reading() as db:
        run = runs.run_of_scan(db, scan.run_id)
        dataset = dataset_queries.dataset_by_id(db, scan.dataset_id)
        checkpoints = runs.checkpoints_of(db, [UUID(each) for each in scan.checkpoint_ids])
    assert dataset is not None, "a scan's dataset cannot be deleted"
    return run, dataset, list(checkpoints)


def store_of(dataset: Dataset) -> ExampleStore:
    assert dataset.store is not None, "only indexed datasets are scanned"
    return ExampleStore(ArtifactStore(settings().artifacts).local_path(dataset.store))
