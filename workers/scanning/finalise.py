"""Finalising a scan, once: ranks, flags, summary, and all rows in one transaction.

Memory: the ranked score, prediction, label and rank of all examples are held (about 40 bytes each,
and some copies while ranking); all else streams shard by shard. Ranks are known only after a pass
over all shards, so their scores, put together once, wait for them on disk. Nothing of a scan's
results can be seen before the commit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any
from uuid import UUID

import numpy as np

from app.datasets.models import Dataset, Task
from app.db import new_id, now, reading, transaction
from app.scans import job_queries as queries
from app.scans import score_queries
from app.scans.endings import announce_end
from app.scans.models import Scan, ScanStatus
from app.settings import settings
from workers.leases import Heartbeat, LeaseLost, outlasting_database
from workers.scanning import ranking, summary
from workers.scanning.canaries import Canaries
from workers.scanning.columns import Columns, read_columns, scores_of, target_scale
from workers.scanning.parts import parts_of_scan, store_of
from workers.scanning.plan import give_up_or_retry, scan_heartbeat
from workers.scanning.recall import places, recall
from workers.scanning.rows import flag_rows, score_rows
from workers.scanning.session import close_session
from workers.scanning.sketches import joined, weights_of, write_sketches
from workers.scanning.spool import Spool

logger = logging.getLogger(__name__)


def run_finalising(scan_id: UUID) -> None:
    """Finalise a scan whose shards are all done. Safe to call at any time, any number of times."""
    token, ttl_s = new_id(), settings().lease_ttl_s
    with transaction() as db:
        scan = queries.lease_scan(db, scan_id, ScanStatus.finalising, token, ttl_s)
    if scan is None:
        return
    with scan_heartbeat(scan_id, token) as heartbeat:
        try:
            with TemporaryFile() as file:
                _finalise(scan, token, heartbeat, Spool(file))
        except LeaseLost:
            logger.info("scan %s: finalising stopped, the lease is gone", scan_id)
        except Exception as error:  # stored as the scan's reason
            logger.exception("scan %s: finalising failed", scan_id)
            give_up_or_retry(scan, ScanStatus.finalising, token, error, "Finalising")


class _Columns:
    """The columns that the ranking needs of all examples."""

    def __init__(self, scan: Scan, shards: Iterator[tuple[int, int, Columns]]):
        name = ranking.column_of(scan.score, scan.weighting)
        self.score = np.empty(scan.example_count)
        self.finite = np.empty(scan.example_count, dtype=bool)
        self.predicted = np.empty(scan.example_count)
        self.probability = np.full(scan.example_count, np.nan)
        for start, stop, columns in shards:
            self.score[start:stop] = columns[name]
            self.finite[start:stop] = columns["finite"]
            self.predicted[start:stop] = columns["predicted"]
            if "probability" in columns:
                self.probability[start:stop] = columns["probability"]


def _finalise(scan: Scan, token: UUID, heartbeat: Heartbeat, spool: Spool) -> None:
    run, dataset, checkpoints = parts_of_scan(scan)
    with reading() as db:
        done = queries.shards_done(db, scan.id)
        devices = queries.devices_of(db, scan.id)
        computed, engine_seconds = queries.work_done(db, scan.id)
    # The canaries' come last; nothing but the recall is made of them.
    shards = [each for each in done if each[0] < scan.example_count]
    store = store_of(dataset)
    given = np.concatenate([store.keys_and_labels(start, stop)[1] for start, stop, _ in shards])
    etas = [each.eta for each in checkpoints]
    scale = target_scale(run.preprocessing)

    def scored() -> Iterator[tuple[int, int, Columns]]:
        for start, stop, artifact in shards:
            heartbeat.check()
            columns = scores_of(
                read_columns(artifact, sketches=False),
                etas,
                given[start:stop],
                **scale,
            )
            spool.put(columns)
            yield start, stop, columns

    columns = _Columns(scan, scored())
    high = ranking.is_high_suspicious(scan.score)
    usable = columns.finite & np.isfinite(columns.score)
    ranked = ranking.rank(columns.score, usable, high_is_suspicious=high)
    is_flagged = ranking.flagged(ranked, columns.score, scan.policy, high_is_suspicious=high)
    flags = _flags(dataset, columns, ranked, is_flagged, given, high)
    result = _summary(scan, dataset, columns, is_flagged, given, flags, high)
    result |= scan.summary or {}  # what planning found: the coverage
    result["device"] = ", ".join(devices)
    result["checkpoints"] = [{"step": each.step, "eta": each.eta} for each in checkpoints]
    result["computed"] = computed
    result["engine_seconds"] = engine_seconds
    result["reused"] = (len(given) + scan.canaries) * len(checkpoints) - computed
    result["reused_from"] = [each["scan_id"] for each in (scan.reuse or {}).get("sources", [])]

    if scan.canaries:
        canaries = Canaries.load(scan.planted)
        parts = [
            scores_of(
                read_columns(artifact, sketches=False), etas, canaries.labels[start:stop], **scale
            )
            for first, last, artifact in done[len(shards) :]
            for start, stop in [(first - scan.example_count, last - scan.example_count)]
        ]
        result["canaries"] = _recall(scan, dataset, canaries, parts, columns, ranked, high)
    weights = weights_of(scan.weighting, etas)

    def sketches() -> Iterator[np.ndarray]:
        for _, _, artifact in shards:
            heartbeat.check()
            yield joined(read_columns(artifact, sketches=True), weights)

    kept = None
    if scan.evidence is not None:
        kept = write_sketches(scan.id, token, sketches(), scan.example_count)

    def rows() -> Iterator[bytes]:
        for (start, stop, _), part in zip(shards, spool.read(), strict=True):
            heartbeat.check()
            yield score_rows(scan.id, start, given[start:stop], part, ranked)

    def commit() -> None:
        with transaction() as db:
            # First the token, then the rows: a finaliser that lost its lease writes nothing,
            # and one that is slow holds the row that another would need.
            values = {
                "status": ScanStatus.complete,
                "finished_at": now(),
                "flagged_count": len(flags["position"]),
                "summary": result,
                "sketches": kept,
            }
            if queries.finish_phase(db, scan.id, ScanStatus.finalising, token, values):
                score_queries.replace_results(db, scan.id, rows(), [flag_rows(scan.id, flags)])
                announce_end(db, scan.id)

    outlasting_database(commit)
    close_session(scan.id)
    logger.info("scan %s complete, %d flagged", scan.id, len(flags["position"]))


def _recall(
    scan: Scan,
    dataset: Dataset,
    canaries: Canaries,
    parts: list[Columns],
    columns: _Columns,
    ranked: ranking.Ranking,
    high: bool,
) -> dict[str, Any]:
    """
    Args:
        parts: scores of the canaries, in order.
        columns, ranked: of the examples.
    """
    name = ranking.column_of(scan.score, scan.weighting)
    score = np.concatenate([np.where(each["finite"], each[name], np.nan) for each in parts])
    found = places(score, canaries.positions, columns.score, ranked, high_is_suspicious=high)
    return recall(
        found, score, scan.policy, canaries.labels, dataset.classes, high_is_suspicious=high
    )


def _flags(
    dataset: Dataset,
    columns: _Columns,
    ranked: ranking.Ranking,
    is_flagged: np.ndarray,
    given: np.ndarray,
    high: bool,
) -> dict[str, Any]:
    """Columns of the flags table but for the scan's id, the most suspicious first."""
    chosen = np.flatnonzero(is_flagged)
    chosen = chosen[np.argsort(ranked.ranks[chosen])]
    classes = dataset.classes or []
    if dataset.task == Task.classification:
        groups, labels = given, given[chosen]
        predicted = columns.predicted[chosen].astype(int)
        suggested = np.where(predicted != labels, predicted, -1)
        words = [
            f"the model says {classes[guess]} ({100 * probability:.0f} %)"
            if guess != label
            else f"the model agrees with it ({100 * probability:.0f} %)"
            for guess, label, probability in zip(
                predicted, labels, columns.probability[chosen], strict=True
            )
        ]
        group_names = [f"of class {classes[label]}" for label in labels]
        values = np.full(len(chosen), np.nan)
    else:
        groups = np.zeros(len(given), dtype=int)
        labels = suggested = np.full(len(chosen), -1)
        values = columns.predicted[chosen]
        words = [f"the model says {value:.4g}".replace("-", "\N{MINUS SIGN}") for value in values]
        group_names = ["of all examples"] * len(chosen)
    finite_score = np.where(ranked.ranks > 0, columns.score, np.nan)
    shares = ranking.share_less_suspicious(finite_score, groups, chosen, high_is_suspicious=high)
    return {
        "position": chosen,
        "rank": ranked.ranks[chosen],
        "suspicion": ranked.suspicion[chosen],
        "given_label": labels,
        "suggested_label": suggested,
        "suggested_value": values,
        "reason": [
            summary.in_words(share, group, prediction=word)
            for share, group, word in zip(shares, group_names, words, strict=True)
        ],
    }


def _summary(
    scan: Scan,
    dataset: Dataset,
    columns: _Columns,
    is_flagged: np.ndarray,
    given: np.ndarray,
    flags: dict[str, Any],
    high: bool,
) -> dict[str, Any]:
    score = np.where(columns.finite, columns.score, np.nan)
    chosen = score[is_flagged]
    classification = dataset.task == Task.classification
    classes = dataset.classes or []
    seconds = (now() - scan.started_at).total_seconds() if scan.started_at else None
    return {
        "score": scan.score,
        "higher_is_suspicious": high,
        "cut": float(chosen.min() if high else chosen.max()) if len(chosen) else None,
        "histogram": summary.histogram(score, is_flagged),
        "classes": summary.class_counts(given, is_flagged, classes) if classification else [],
        "pairs": summary.class_pairs(flags["given_label"], flags["suggested_label"], classes)
        if classification
        else [],
        "targets": None
        if classification
        else {"min": float(given.min()), "max": float(given.max())},
        "non_finite": int((~columns.finite).sum()),
        "seconds": seconds,
        "examples_per_second": scan.example_count / seconds if seconds else None,
    }
