"""What a pack says that may still change: all of it as of one moment of the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy.orm import Session

from app.datasets.models import Dataset
from app.estimates.bounds import USUAL
from app.estimates.service import estimate_of
from app.exports import queries as export_queries
from app.gates.service import every_evaluation
from app.reviews.decisions import queues_named
from app.reviews.models import ReviewQueue
from app.runs.service import checkpoints_of, run_of_scan
from app.scans.models import Scan
from app.uploads.service import upload_at
from workers.exports.cells import inert_json
from workers.exports.evidence import tables
from workers.exports.evidence.code import code_facts
from workers.exports.evidence.files import moment
from workers.exports.evidence.summary import summary_page

_ALPHA, _TARGET = 0.05, 0.01
_GATES_SHOWN = 20
_DISPUTED = "disputed"
_PEOPLE = ["queue", "person", "who"]

Write = Callable[[Path], int]
"""Writes a file; returns its rows, 0 if it is no table."""


class Snapshot:
    """Writes the files, in this order; what was counted on the way goes into the later ones.

    Args:
        db: a session that sees one moment.
        check: called often; what it raises ends the writing.
    """

    def __init__(
        self,
        db: Session,
        dataset: Dataset,
        scan: Scan,
        queue_ids: list[UUID],
        check: Callable[[], None],
    ) -> None:
        self._db = db
        self._dataset = dataset
        self._scan = scan
        self._queues = queues_named(db, queue_ids)
        self._queue_ids = queue_ids
        self._check = check
        self._names = tables.Names(dataset.classes, queue_ids)
        self._outcomes: Counter[tuple[int, str]] = Counter()
        self._verdicts: Counter[tuple[int, str, str]] = Counter()
        self._gates: list[dict[str, Any]] = []
        self._gate_count = 0
        self._estimate = estimate_of(db, dataset, alpha=_ALPHA, target=_TARGET)
        self._latest = scan.finished_at
        for queue in self._queues:
            self._seen(queue.created_at)
            self._seen(queue.closed_at)

    def files(self) -> Iterator[tuple[str, Write]]:
        db, dataset_id, names = self._db, self._dataset.id, self._names
        chosen = (db, dataset_id, self._queue_ids, names)
        yield "verdicts.parquet", lambda path: tables.write_verdicts(*chosen, path, self._verdict)
        yield "outcomes.parquet", lambda path: tables.write_outcomes(*chosen, path, self._outcome)
        yield (
            "audits.parquet",
            lambda path: tables.write_audits(db, dataset_id, names, path, self._timed),
        )
        yield (
            "reviewed.parquet",
            lambda path: tables.write_reviewed(db, dataset_id, names, path),
        )
        yield "gates.jsonl", self._write_gates
        yield "estimate.json", self._write_estimate
        facts = self.facts()
        yield "provenance.json", lambda path: _write(path, inert_json(facts, indent=1) + "\n")
        page = summary_page(facts, self._estimate, self._gates, self._gate_count)
        yield "summary.html", lambda path: _write(path, page)

    def settled(self) -> dict[str, int]:
        """Items of each queue that have an outcome, by the queue's number."""
        found: Counter[str] = Counter()
        for (queue, outcome), count in self._outcomes.items():
            found[str(queue)] += count if outcome != _DISPUTED else 0
        return dict(found)

    def predicate(self) -> dict[str, Any]:
        """What the signed statement says of the pack itself."""
        dataset, after = self._dataset, self._estimate.wrong.after.share
        return {
            "dataset": {
                "id": str(dataset.id),
                "name": dataset.name,
                "version": dataset.version,
                "fingerprint": dataset.fingerprint,
                "examples": dataset.example_count,
            },
            "scan": {"id": str(self._scan.id), "engineKey": self._scan.engine_key},
            "queues": [str(each) for each in self._queue_ids],
            "wrongLabels": {
                "says": self._estimate.says,
                "confidence": 1 - _ALPHA,
                "lowestShare": after.lowest,
                "highestShare": after.highest,
            },
            "latest": moment(self._latest),
            "code": code_facts(),
        }

    def _seen(self, at: datetime | None) -> None:
        self._check()
        if at is not None and (self._latest is None or at > self._latest):
            self._latest = at

    def _timed(self, batch: pa.RecordBatch) -> None:
        self._seen(tables.latest_of(batch))

    def _verdict(self, batch: pa.RecordBatch) -> None:
        self._timed(batch)
        grouped = pa.table(batch.select(["queue", "person", "who"]).columns, _PEOPLE)
        for each in grouped.group_by(_PEOPLE).aggregate([([], "count_all")]).to_pylist():
            self._verdicts[each["queue"], each["person"], each["who"]] += each["count_all"]

    def _outcome(self, batch: pa.RecordBatch) -> None:
        self._check()
        outcome = batch.column("outcome").fill_null(_DISPUTED)
        grouped = pa.table([batch.column("queue"), outcome], ["queue", "outcome"])
        counted = grouped.group_by(["queue", "outcome"]).aggregate([([], "count_all")])
        for each in counted.to_pylist():
            self._outcomes[each["queue"], each["outcome"]] += each["count_all"]

    def _write_gates(self, path: Path) -> int:
        with path.open("w", encoding="ascii") as file:
            for kept, by in every_evaluation(self._db, self._dataset.id):
                self._seen(kept.at)
                short = {
                    "id": str(kept.id),
                    "gate": kept.gate,
                    "gate_version": kept.gate_version,
                    "scan_id": None if kept.scan_id is None else str(kept.scan_id),
                    "verdict": kept.verdict,
                    "at": moment(kept.at),
                    "by": by,
                }
                file.write(inert_json(short | {"inputs": kept.inputs, "result": kept.result}))
                file.write("\n")
                self._gates = [*self._gates, short][-_GATES_SHOWN:]
                self._gate_count += 1
        return self._gate_count

    def _write_estimate(self, path: Path) -> int:
        told = self._estimate.model_dump(mode="json") | {"forecaster": asdict(USUAL)}
        return _write(path, inert_json(told, indent=1) + "\n")

    def facts(self) -> dict[str, Any]:
        """Where everything comes from, with hashes as far as they are known."""
        dataset, scan = self._dataset, self._scan
        run = run_of_scan(self._db, scan.run_id)
        summary = scan.summary or {}
        return {
            "latest": moment(self._latest),
            "dataset": {
                "id": str(dataset.id),
                "name": dataset.name,
                "version": dataset.version,
                "parent_id": None if dataset.parent_id is None else str(dataset.parent_id),
                "uri": dataset.uri,
                "format": dataset.format,
                "task": dataset.task,
                "modality": dataset.modality,
                "columns": dataset.columns,
                "classes": dataset.classes,
                "class_counts": dataset.class_counts,
                "examples": dataset.example_count,
                "rejected": dataset.rejected_count,
                "fingerprint": dataset.fingerprint,
                "registered_at": moment(dataset.created_at),
                "indexed_at": moment(dataset.ready_at),
                "files": _content_files(self._db, dataset),
            },
            "run": {
                "id": str(run.id),
                "name": run.name,
                "model": run.model,
                "preprocessing": run.preprocessing,
                "loss": run.loss,
            },
            "checkpoints": [
                {
                    "id": str(each.id),
                    "uri": each.uri,
                    "step": each.step,
                    "eta": each.eta,
                    "sha256": each.sha256,
                }
                for each in checkpoints_of(self._db, [UUID(each) for each in scan.checkpoint_ids])
            ],
            "scan": {
                "id": str(scan.id),
                "method": "Self-influence: the sum over checkpoints of eta times the squared "
                "norm of the example's gradient (TracIn)",
                "score": scan.score,
                "weighting": scan.weighting,
                "layers": scan.layers,
                "coverage": summary.get("coverage"),
                "precision": scan.precision,
                "policy": scan.policy,
                "engine_key": scan.engine_key,
                "reused_from": summary.get("reused_from", []),
                "examples": scan.example_count,
                "flagged": scan.flagged_count,
                "started_at": moment(scan.started_at),
                "finished_at": moment(scan.finished_at),
                "created_by": scan.created_by,
            },
            "queues": [self._queue(number, queue) for number, queue in enumerate(self._queues)],
            "code": code_facts(),
        }

    def _queue(self, number: int, queue: ReviewQueue) -> dict[str, Any]:
        return {
            "id": str(queue.id),
            "name": queue.name,
            "scan_id": str(queue.scan_id),
            "order_scan_id": str(queue.order_scan_id),
            "policy": queue.policy,
            "order_by": queue.order_by,
            "overlap": queue.overlap,
            "show_suggestion": queue.show_suggestion,
            "tolerance": queue.tolerance,
            "items": queue.item_count,
            "audits": queue.audits,
            "canaries": queue.canaries,
            "created_at": moment(queue.created_at),
            "closed_at": moment(queue.closed_at),
            "outcomes": {
                outcome: count
                for (of, outcome), count in sorted(self._outcomes.items())
                if of == number
            },
            "people": [
                {"id": person, "name": who, "verdicts": count}
                for (of, person, who), count in sorted(self._verdicts.items())
                if of == number
            ],
        }


def _write(path: Path, text: str) -> int:
    path.write_text(text, encoding="utf-8")
    return 0


def _content_files(db: Session, dataset: Dataset) -> list[dict[str, Any]]:
    """Files of the data set whose hashes are known: those that were sent, or that we wrote."""
    upload = upload_at(db, dataset.uri)
    if upload is not None:
        return [{"name": upload.name, "bytes": upload.size, "sha256": upload.sha256}]
    if dataset.export_id is None:
        return []
    return [
        {name: file[name] for name in ("name", "bytes", "sha256")}
        for file in export_queries.files_of(db, dataset.export_id)
    ]
