"""What keeping a scan's results takes: a shard's worth is stored for real, and taken away again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any
from uuid import UUID

import numpy as np

from app.artifacts import ArtifactStore
from app.db import transaction
from app.runs.models import Checkpoint
from app.scans import estimate_queries as queries
from app.scans.models import Scan
from app.settings import settings
from workers.scanning import ranking
from workers.scanning.columns import Columns, ShardColumns, read_columns, scores_of, write_columns
from workers.scanning.rows import score_rows
from workers.scanning.spool import Spool

_EXAMPLES = 4096
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Keeping:
    """For an example at all k checkpoints.

    keep_seconds: to put its results into an artifact; workers share it.
    finalise_seconds: to read, combine, rank and store them.
    artifact_bytes: grow with k.
    row_bytes: in the database, with indexes.
    """

    keep_seconds: float
    finalise_seconds: float
    artifact_bytes: float
    row_bytes: float


def rehearse_keeping(
    token: UUID,
    scan: Scan,
    checkpoints: Sequence[Checkpoint],
    sample: Columns,
    labels: np.ndarray,
    scale: dict[str, Any],
) -> Keeping:
    """Store a shard made of the sample over and over.

    Args:
        sample: of m examples at one checkpoint.
        labels: (m,), as given.
        scale: what `scores_of` takes beside.
    """
    width = sum(values[:1].nbytes for values in sample.values() if values.ndim > 1)
    count = max(len(labels), min(_EXAMPLES, _MOST_BYTES // (width * len(checkpoints))))
    again = np.arange(count) % len(labels)
    name, store = f"estimates/{token.hex}.npz", ArtifactStore(settings().artifacts)
    try:
        began = time.perf_counter()
        shard = ShardColumns(count, len(checkpoints))
        for at in range(len(checkpoints)):
            shard.copy(np.arange(count), at, sample, again, 0)
        write_columns(name, shard.arrays)
        kept = time.perf_counter()
        etas = [each.eta for each in checkpoints]
        with TemporaryFile() as file:
            spool = Spool(file)
            spool.put(scores_of(read_columns(name), etas, labels[again], **scale))
            (scores,) = spool.read()
        ranked_by = scores[ranking.column_of(scan.score, scan.weighting)]
        usable = scores["finite"] & np.isfinite(ranked_by)
        ranks = ranking.rank(
            ranked_by, usable, high_is_suspicious=ranking.is_high_suspicious(scan.score)
        )
        with transaction() as db:
            rows = score_rows(scan.id, 0, labels[again], scores, ranks)
            row_bytes = queries.rehearse_scores(db, [rows])
        stored = time.perf_counter()
        return Keeping(
            keep_seconds=(kept - began) / count,
            finalise_seconds=(stored - kept) / count,
            artifact_bytes=store.size(name) / count,
            row_bytes=row_bytes / count,
        )
    finally:
        store.delete(name)
