"""The indexing job: read a registered dataset once, write its example store and its rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from app.artifacts import ArtifactStore
from app.datasets import queries
from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset, DatasetStatus
from app.db import new_id, now, transaction
from app.settings import settings
from workers.csv_rows import csv_lines, repeat
from workers.data.index import IndexResult, index_dataset, spec_of
from workers.failures import failure_of, is_final
from workers.leases import Heartbeat, LeaseLost, outlasting_database

logger = logging.getLogger(__name__)

_CHUNK_ROWS = 65_536


def run_indexing(dataset_id: UUID) -> None:
    """Index a registered dataset. Safe to call at any time and any number of times."""
    token, ttl_s, rows_done = new_id(), settings().lease_ttl_s, 0
    with transaction() as db:
        dataset = queries.lease_indexing(db, dataset_id, token, ttl_s)
    if dataset is None:
        return

    def renew() -> bool:
        with transaction() as db:
            return queries.renew_indexing(db, dataset_id, token, ttl_s, rows_done)

    with Heartbeat(renew, ttl_s) as heartbeat:

        def on_progress(done: int, _total: int | None) -> None:
            nonlocal rows_done
            rows_done = done
            heartbeat.check()

        artifacts = ArtifactStore(settings().artifacts)
        name = f"datasets/{dataset_id}/examples-{token.hex}.arrow"
        try:
            with artifacts.writer(name) as path:
                result = index_dataset(
                    spec_of(dataset),
                    path,
                    allowed_roots=allowed_roots(dataset, artifacts),
                    on_progress=on_progress,
                )
            heartbeat.check()
            local = artifacts.local_path(name)
            outlasting_database(lambda: _commit(dataset, token, name, local, result))
        except LeaseLost:
            artifacts.delete(name)
            logger.info("dataset %s: indexing stopped, the lease is gone", dataset_id)
        except Exception as error:  # stored as the dataset's reason
            logger.exception("dataset %s: indexing failed", dataset_id)
            artifacts.delete(name)
            _give_up_or_retry(dataset, token, error)


def allowed_roots(dataset: Dataset, artifacts: ArtifactStore) -> tuple[str, ...]:
    """Where a dataset may be read from: what an export wrote lies in the artifact store."""
    roots = settings().allowed_roots
    if dataset.export_id is None:
        return roots
    return (*roots, artifacts.uri(f"exports/{dataset.export_id}"))


def _commit(dataset: Dataset, token: UUID, name: str, path: Path, result: IndexResult) -> None:
    values: dict[str, Any] = {
        "status": DatasetStatus.ready,
        "failure": None,
        "example_count": result.count,
        "rejected_count": result.rejected_count,
        "rows_done": result.count + result.rejected_count,
        "class_counts": result.class_counts,
        "classes": list(result.classes) if result.classes is not None else None,
        "modality": result.modality,
        "input_names": list(result.input_names),
        "fingerprint": result.fingerprint,
        "store": name,
        "ready_at": now(),
    }
    with transaction() as db:
        if not queries.finish_indexing(db, dataset.id, token, values):
            return
        queries.copy_examples(db, dataset.id, _example_rows(dataset.id, path))
        queries.add_rejected_rows(
            db, dataset.id, [(bad.row, bad.key, bad.reason) for bad in result.rejected]
        )
    logger.info("dataset %s indexed: %d examples", dataset.id, result.count)


def _example_rows(dataset_id: UUID, path: Path) -> Iterator[bytes]:
    store = ExampleStore(path)
    for start in range(0, len(store), _CHUNK_ROWS):
        keys, labels = store.keys_and_labels(start, min(start + _CHUNK_ROWS, len(store)))
        nothing = pa.nulls(len(keys), pa.float64())
        is_class = labels.dtype.kind == "i"
        yield csv_lines(
            pa.table(
                {
                    "dataset_id": repeat(str(dataset_id), len(keys)),
                    "position": pa.array(np.arange(start, start + len(keys))),
                    "key": pa.array(keys, pa.string()),
                    "given_label": pa.array(labels) if is_class else nothing,
                    "given_target": nothing if is_class else pa.array(labels),
                }
            )
        )


def _give_up_or_retry(dataset: Dataset, token: UUID, error: Exception) -> None:
    values: dict[str, Any]
    if is_final(error, dataset.attempts, settings().max_attempts):
        values = {"status": DatasetStatus.failed, "failure": failure_of(error, "Indexing")}
    else:
        values = {"status": DatasetStatus.registered, "nudged_at": None}

    def decide() -> None:
        with transaction() as db:
            if queries.finish_indexing(db, dataset.id, token, values):
                rejected = getattr(error, "rejected", ())
                queries.add_rejected_rows(
                    db, dataset.id, [(bad.row, bad.key, bad.reason) for bad in rejected]
                )

    outlasting_database(decide)
