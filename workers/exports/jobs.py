"""The export job: what was decided, then each file in parts, then the card."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.artifacts import ArtifactStore
from app.datasets import queries as dataset_queries
from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset, Format
from app.datasets.service import register_correction
from app.db import now, reading, reading_one_moment, transaction
from app.exports import queries
from app.exports.models import Export, ExportKind
from app.reviews.decisions import queues_named
from app.scans import queries as scan_queries
from app.settings import settings
from app.signing.service import require_signer
from app.uploads.places import find_registered
from workers.data.jobs import allowed_roots
from workers.exports.argilla import record_of, settings_of
from workers.exports.arrays import NpzCorrection
from workers.exports.card import card_of
from workers.exports.corrected import expected_fingerprint
from workers.exports.decisions import Decisions, take_decisions
from workers.exports.evidence.files import FLAGS, SCORES, form_of, moment
from workers.exports.evidence.seal import attestation_of, write_archive
from workers.exports.evidence.snapshot import Snapshot
from workers.exports.evidence.tables import Names, flags_file, scores_file
from workers.exports.folder import folder_files
from workers.exports.issues import issues_file
from workers.exports.label_studio import labelling_interface, task_of
from workers.exports.parts import PART_ROWS, OutFile, Piece, sha256_of, write_parts
from workers.exports.patch import patch_file
from workers.exports.progress import Progress
from workers.exports.spelling import Spelling
from workers.exports.suspects import Suspects, take_suspects
from workers.exports.tables import Source, csv_files, parquet_files
from workers.leases import Heartbeat, LeaseLost
from workers.small_jobs import run_small_job

_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_SCANNED = {SCORES: scores_file, FLAGS: flags_file}


def run_export(export_id: UUID, *, part_rows: int = PART_ROWS) -> None:
    """Make an export, or go on with it. Safe to call at any time and any number of times."""

    def work(export: Export, token: UUID, heartbeat: Heartbeat) -> dict[str, Any]:
        return _Making(export, token, heartbeat, part_rows).run()

    run_small_job(Export, export_id, "Exporting", work, also=_register)


class _Making:
    """One worker's turn at an export."""

    def __init__(self, export: Export, token: UUID, heartbeat: Heartbeat, part_rows: int) -> None:
        self._export = export
        self._token = token
        self._heartbeat = heartbeat
        self._part_rows = part_rows
        self._artifacts = ArtifactStore(settings().artifacts)
        self._progress = Progress.of(export.progress, self._save)
        with reading() as db:
            dataset = dataset_queries.dataset_by_id(db, export.dataset_id)
        assert dataset is not None
        assert dataset.store is not None
        self._dataset = dataset
        self._store = ExampleStore(self._artifacts.local_path(dataset.store))

    def run(self) -> dict[str, Any]:
        if self._progress.fingerprint is None:
            match self._export.kind:
                case ExportKind.cleanlab:
                    self._make_issues()
                case ExportKind.evidence:
                    self._make_pack()
                case ExportKind.label_studio | ExportKind.argilla:
                    self._make_tasks()
                case _:
                    self._make_files(self._decisions())
            self._tidy()
        files = self._progress.files
        with reading() as db:
            card = card_of(db, self._export, self._dataset, self._progress)
        return {"files": files, "card": card.model_dump(mode="json")}

    def _save(self, progress: Progress) -> None:
        with transaction() as db:
            held = queries.save_progress(
                db, self._export.id, self._token, progress.as_json(), progress.rows_done
            )
        if not held:
            raise LeaseLost

    def _decisions(self) -> Decisions:
        """What was decided when the export was begun, whoever began it."""
        if self._progress.decisions is None:
            queue_ids = [UUID(each) for each in self._export.request["queue_ids"]]
            name = self._name("decisions", ".arrow")
            with self._artifacts.writer(name) as path:
                taken = take_decisions(queue_ids, path)
            self._progress.decisions = name
            self._progress.taken = taken.as_json()
            self._save(self._progress)
        return Decisions(self._artifacts.local_path(self._progress.decisions))

    def _make_issues(self) -> None:
        request = self._export.request
        file = issues_file(request["format"], self._store, UUID(request["scan_id"]))
        self._make(0, file, self._file_name("label-issues", file.suffix))
        self._progress.fingerprint = ""

    def _make_pack(self) -> None:
        """First what may still change, at one moment; then what the scan found; then the archive.

        What is whole is kept, as in other exports.
        """
        progress, request = self._progress, self._export.request
        queue_ids = [UUID(each) for each in request["queue_ids"]]
        if not progress.taken:
            self._take_snapshot(queue_ids)
        names, scan_id = Names(self._dataset.classes, queue_ids), UUID(request["scan_id"])
        for number, (name, file_of) in enumerate(_SCANNED.items(), progress.taken["files"]):
            self._make(number, file_of(self._store, scan_id, names, self._part_rows), name)
        with transaction() as db:
            signer = require_signer(db)
        envelope = attestation_of(progress.files, progress.taken["predicate"], signer)

        def write(path: Path) -> int:
            check = self._heartbeat.check
            write_archive(path, envelope, progress.files, self._artifacts, check)
            return sum(file["rows"] for file in progress.files)

        name = self._file_name("evidence", ".zip")
        archive = self._file(0, name, ".zip", "application/zip", write)
        progress.taken["key_id"] = signer.key_id
        progress.fingerprint = ""
        progress.files = [archive]
        self._save(progress)

    def _take_snapshot(self, queue_ids: list[UUID]) -> None:
        files: list[dict[str, Any]] = []
        at = moment(now())
        with reading_one_moment() as db:
            scan = scan_queries.scan(
                db, self._export.project_id, UUID(self._export.request["scan_id"])
            )
            assert scan is not None
            snapshot = Snapshot(db, self._dataset, scan, queue_ids, self._heartbeat.check)
            for name, write in snapshot.files():
                suffix, media_type = form_of(name)
                files.append(self._file(len(files), name, suffix, media_type, write))
        self._progress.files = files
        self._progress.taken = {
            "as_of": at,
            "files": len(files),
            "queues": snapshot.settled(),
            "predicate": snapshot.predicate(),
        }
        self._save(self._progress)

    def _make_tasks(self) -> None:
        meta, progress = self._store.meta, self._progress
        if progress.decisions is None:
            progress.decisions = self._name("suspects", ".arrow")
            with self._artifacts.writer(progress.decisions) as path:
                progress.taken = take_suspects(self._export.request, path)
            self._save(progress)
        base, folder = self._export.request.get("image_base"), None
        if base is not None:
            roots = allowed_roots(self._dataset, self._artifacts)
            folder = find_registered(self._dataset.uri, roots)
        path = self._artifacts.local_path(progress.decisions)
        suspects = Suspects(path, self._store, folder, base)
        agent = f"cleantrace scan {progress.taken['scan_id']}"
        if self._export.kind == ExportKind.argilla:
            self._make(
                0,
                suspects.file(lambda each: record_of(each, meta, agent)),
                self._file_name("records", ".json"),
            )
            self._make_text("settings", ".json", "application/json", settings_of(meta))
        else:
            self._make(
                0,
                suspects.file(lambda each: task_of(each, meta, agent)),
                self._file_name("tasks", ".json"),
            )
            interface = labelling_interface(meta)
            self._make_text("labelling-interface", ".xml", "application/xml", interface)
        progress.fingerprint = ""

    def _make_text(self, what: str, suffix: str, media_type: str, text: str) -> None:
        """The second file, beside tasks or records."""

        def write(path: Path) -> int:
            path.write_text(text, encoding="utf-8")
            return 0

        if len(self._progress.files) == 1:
            self._finish_file(self._file_name(what, suffix), suffix, media_type, write)

    def _make_files(self, decisions: Decisions) -> None:
        if self._export.kind == ExportKind.patch:
            file = patch_file(
                self._export.request["format"],
                self._store,
                decisions,
                self._queue_names(),
                self._part_rows,
            )
            self._make(0, file, self._file_name("patch", file.suffix))
            self._progress.fingerprint = ""
            return
        source = Source.of(self._dataset, self._store, decisions, self._artifacts)
        spelling: Spelling | None = None
        match self._dataset.format:
            case Format.parquet:
                outs, spelling = parquet_files(source)
            case Format.csv:
                outs, spelling = csv_files(source)
            case Format.npz:
                correction = NpzCorrection(source, self._heartbeat.check)
                outs, spelling = [], correction.spelling
                self._make_npz(correction)
            case _:
                outs = folder_files(source)
        for number, out in enumerate(outs):
            what = "corrected" if len(outs) == 1 else f"corrected-{number:05}"
            self._make(number, out, self._file_name(what, out.suffix))
        has_keys = source.spec.key is not None or self._dataset.format == Format.image_folder
        self._progress.fingerprint = expected_fingerprint(
            self._store, decisions, spelling, has_keys=has_keys
        )

    def _make(self, number: int, out: OutFile, name: str) -> None:
        progress = self._progress
        if number < len(progress.files):
            return

        def checked(pieces: Iterator[Piece]) -> Iterator[Piece]:
            for piece in pieces:
                self._heartbeat.check()
                yield piece

        def part_name(ending: str, suffix: str) -> str:
            return self._name(f"{number:05}{ending}", suffix)

        rows = progress.parts[-1].rows if progress.parts else 0
        write_parts(
            out.form,
            checked(out.pieces(rows, progress.examples_done)),
            progress=progress,
            artifacts=self._artifacts,
            name=part_name,
            part_rows=self._part_rows,
        )

        def join(path: Path) -> int:
            parts = [self._artifacts.local_path(part.artifact) for part in progress.parts]
            out.form.join(parts, path)
            return sum(part.written for part in progress.parts)

        self._finish_file(name, out.suffix, out.media_type, join)

    def _make_npz(self, correction: NpzCorrection) -> None:
        if not self._progress.files:
            name = self._file_name("corrected", ".npz")
            self._finish_file(name, ".npz", "application/zip", correction.write)

    def _finish_file(
        self, name: str, suffix: str, media_type: str, write: Callable[[Path], int]
    ) -> None:
        number = len(self._progress.files)
        file = self._file(number, name, suffix, media_type, write)
        for dropped in self._progress.finish_file(file):
            self._artifacts.delete(dropped)

    def _file(
        self,
        number: int,
        name: str,
        suffix: str,
        media_type: str,
        write: Callable[[Path], int],
    ) -> dict[str, Any]:
        """Write a file; returns it as the result lists it."""
        artifact = self._name(f"{number:05}", suffix)
        with self._artifacts.writer(artifact) as path:
            rows = write(path)
            sha256, size = sha256_of(path), path.stat().st_size
        self._heartbeat.check()
        return {
            "number": number,
            "name": name,
            "media_type": media_type,
            "rows": rows,
            "bytes": size,
            "sha256": sha256,
            "artifact": artifact,
            "examples": self._progress.examples_done,
        }

    def _file_name(self, what: str, suffix: str) -> str:
        base = _NAME.sub("_", f"{self._dataset.name}-{self._dataset.version}").strip("._-")
        return f"{base or 'dataset'}-{what}{suffix}"

    def _tidy(self) -> None:
        """Leave the files alone: nobody else may write here, and who did before is dead."""
        self._progress.decisions = None
        self._save(self._progress)
        kept = {file["artifact"] for file in self._progress.files}
        for stored in self._artifacts.files(f"exports/{self._export.id}"):
            if stored.name not in kept:
                self._artifacts.remove(stored)

    def _queue_names(self) -> list[str]:
        with reading() as db:
            ids = [UUID(each) for each in self._export.request["queue_ids"]]
            return [queue.name for queue in queues_named(db, ids)]

    def _name(self, what: str, suffix: str) -> str:
        return f"exports/{self._export.id}/{what}-{self._token.hex}{suffix}"


def _register(db: Session, export: Export, result: dict[str, Any]) -> None:
    """Register what was written as a new version, if that was asked for."""
    version, card = export.request["register_as"], result["card"]
    if version is None:
        return
    parent = dataset_queries.dataset_by_id(db, export.dataset_id)
    assert parent is not None
    uri, columns = _place(parent, [file["artifact"] for file in result["files"]])
    register_correction(
        db,
        parent,
        dataset_id=UUID(card["registered_id"]),
        version=version,
        uri=uri,
        columns=columns,
        export_id=export.id,
    )


def _place(parent: Dataset, artifacts: list[str]) -> tuple[str, dict[str, Any] | None]:
    store = ArtifactStore(settings().artifacts)
    if parent.format == Format.image_folder:
        columns = {"input": "path", "label": "label", "key": "key"}
        return parent.uri, columns | {"label_file": str(store.local_path(artifacts[0]))}
    if len(artifacts) == 1:
        return store.uri(artifacts[0]), parent.columns
    folder = artifacts[0].rpartition("/")[0]
    suffix = artifacts[0].partition(".")[2]
    return f"{store.uri(folder)}/?????-*.{suffix}", parent.columns
