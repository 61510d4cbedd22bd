"""A scan's scores and flags as rows for COPY."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from app.scans.score_queries import FLAG_COLUMNS, SCORE_COLUMNS
from workers.csv_rows import csv_lines, repeat
from workers.scanning.columns import Columns
from workers.scanning.ranking import Ranking


def score_rows(
    scan_id: UUID, start: int, given: np.ndarray, columns: Columns, ranking: Ranking
) -> bytes:
    """CSV lines of one shard's scores, with SCORE_COLUMNS.

    Args:
        start: position of the shard's first example.
        given: (m,) given labels (int) or targets (float).
        columns: the shard's columns, each of length m.
        ranking: of the whole scan.
    """
    count = len(given)
    here = slice(start, start + count)
    finite = columns["finite"]
    is_classification = given.dtype.kind == "i"
    nothing = pa.nulls(count, pa.float64())
    predicted = columns["predicted"]

    def real(name: str) -> pa.Array:
        """Null where there is no such column, or the value is not finite: never 0."""
        if name not in columns:
            return nothing
        values = np.asarray(columns[name], dtype=float)
        return pa.array(values, mask=~(np.isfinite(values) & finite))

    ranks = ranking.ranks[here]
    table = {
        "scan_id": repeat(str(scan_id), count),
        "position": pa.array(np.arange(start, start + count)),
        "given_label": pa.array(given) if is_classification else nothing,
        "given_target": nothing if is_classification else pa.array(given),
        "finite": pa.array(finite),
        "rank": pa.array(ranks, mask=ranks == 0),
        "suspicion": pa.array(ranking.suspicion[here], mask=ranks == 0),
        "predicted_label": pa.array(np.where(finite, predicted, 0).astype(np.int64), mask=~finite)
        if is_classification
        else nothing,
        "predicted_value": nothing if is_classification else real("predicted"),
        "terms": pa.array(_postgres_arrays(columns["terms"])),
    }
    for name in SCORE_COLUMNS:
        if name not in table:
            table[name] = real(name)
    return csv_lines(pa.table({name: table[name] for name in SCORE_COLUMNS}))


def flag_rows(scan_id: UUID, flags: dict[str, Any]) -> bytes:
    """CSV lines of a scan's flags, with FLAG_COLUMNS."""
    given, suggested = flags["given_label"], flags["suggested_label"]
    values = flags["suggested_value"]
    table = {
        "scan_id": repeat(str(scan_id), len(given)),
        "position": pa.array(flags["position"]),
        "rank": pa.array(flags["rank"]),
        "suspicion": pa.array(flags["suspicion"]),
        "given_label": pa.array(given, mask=given < 0),
        "suggested_label": pa.array(suggested, mask=suggested < 0),
        "suggested_value": pa.array(values, mask=np.isnan(values)),
        "reason": pa.array(flags["reason"], pa.string()),
    }
    return csv_lines(pa.table({name: table[name] for name in FLAG_COLUMNS}))


def _postgres_arrays(terms: np.ndarray) -> list[str]:
    """(m, k) floats as Postgres array literals; `repr` of a float keeps every bit."""
    return ["{" + ",".join(map(repr, row)) + "}" for row in terms.tolist()]
