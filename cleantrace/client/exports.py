# Made from aio/exports.py by tools/sync_client.py: change that.
"""Exports: corrections taken out of the service, as files."""

import json
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from cleantrace.client.calls import Calls
from cleantrace.client.deadline import Deadline
from cleantrace.client.errors import ExportFailed
from cleantrace.client.export_models import Export, ExportKind, SigningKey
from cleantrace.client.pace import aside
from cleantrace.client.pages import Pages
from cleantrace.client.queue_models import Queue
from cleantrace.client.queues import QueueRef
from cleantrace.client.refs import NO_REASON, DatasetRef, ScanRef, path_id
from cleantrace.client.waiting import poll

ExportRef = Export | str | uuid.UUID


class ExportCalls(Calls):
    """Exports: corrections taken out of the service, as files."""

    def create_export(
        self,
        dataset: DatasetRef,
        kind: ExportKind = "patch",
        *,
        format: str | None = None,  # noqa: A002  the API's word
        queues: Sequence[QueueRef] | None = None,
        scan: ScanRef | None = None,
        register_as: str | None = None,
        image_base: str | None = None,
    ) -> Export:
        """Ask for an export. It is made in the background: see `wait_for_export`.

        Args:
            kind: patch: what was changed, by whom, when and why. dataset: the data set with its
                corrections, in its own format. cleanlab: a scan's results, as cleanlab's table of
                label issues. evidence: all that an auditor needs, in one signed archive.
                label-studio, argilla: a scan's flags or one queue's open items, to be annotated
                there; see `import_annotations`.
            format: of a patch or cleanlab's table: jsonl (if not given), csv or parquet.
            queues: whose outcomes count; all of the dataset's if not given.
            scan: of kind cleanlab; of label-studio and argilla unless a queue is given; of
                evidence, the latest complete one if not given.
            register_as: register the corrected data set as this version.
            image_base: of label-studio and argilla, for an image folder: where the tool finds it.
                If not given, the files hold the images themselves.
        Raises:
            NothingReviewed, DatasetNotReady, DatasetExists, QueueNotFound, OtherDataset,
            ImageBaseUnfit
            NothingScanned, SigningUnavailable: of evidence.
        """
        ids = None
        if queues is not None:
            ids = [str(each.id if isinstance(each, Queue) else each) for each in queues]
        body = {
            "dataset_id": path_id(dataset),
            "kind": kind,
            "format": format or ("jsonl" if kind in {"patch", "cleanlab"} else None),
            "queue_ids": ids,
            "scan_id": None if scan is None else path_id(scan),
            "register_as": register_as,
            "image_base": image_base,
        }
        return Export.from_json(self._transport.post("/exports", body))

    def exports(self, dataset: DatasetRef | None = None) -> Pages[Export]:
        """The project's exports, or those of a dataset, newest first."""
        only = None if dataset is None else path_id(dataset)
        return self._pages("/exports", Export, dataset_id=only)

    def get_export(self, export: ExportRef) -> Export:
        return Export.from_json(self._transport.get(_path(export)))

    def wait_for_export(
        self,
        export: ExportRef,
        *,
        progress: Callable[[Export], None] | None = None,
        timeout_s: float | None = None,
    ) -> Export:
        """Wait until an export is made; returns it as it then is.

        Args:
            progress: called at each look; `rows_done` counts the rows written.
        Raises:
            ExportFailed: with the stored reason.
            WaitTimedOut: after `timeout_s`.
        """
        deadline = Deadline("The export", timeout_s)
        for seen in poll(lambda: self.get_export(export), lambda seen: seen.is_over, deadline):
            if progress is not None:
                progress(seen)
        if seen.status == "failed":
            raise ExportFailed(f"Export {seen.id} failed", seen, seen.failure or NO_REASON)
        return seen

    def download_export(
        self, export: ExportRef, folder: str | os.PathLike[str] = "."
    ) -> list[Path]:
        """Get the files of an export that is done, and its card as `card.json` beside them.

        Called again after it broke off, it goes on where it was; what is there whole is not fetched
        again.

        Returns:
            the files, without the card.
        Raises:
            ExportNotDone
            DownloadDamaged: a file is not what the service says that it is.
        """
        found = self.get_export(export)
        card = self._transport.get(f"{_path(found)}/card")
        target = Path(folder)
        aside(target.mkdir, parents=True, exist_ok=True)
        paths = []
        for file in found.files:
            # The name is the service's: only its last part may say where a file goes.
            paths.append(target / Path(file.name).name)
            address = f"{_path(found)}/files/{file.number}"
            self._transport.download(address, paths[-1], size=file.bytes, sha256=file.sha256)
        text = json.dumps(card, indent=2) + "\n"
        aside((target / "card.json").write_text, text, encoding="utf-8")
        return paths

    def signing_keys(self) -> tuple[SigningKey, ...]:
        """The public keys that evidence packs of this service are verified with: `verify_pack`.

        The one that signs now comes first; those retired follow, for older packs.
        """
        found = self._transport.get_public("/signing-keys")
        return tuple(SigningKey.from_json(each) for each in found["items"])


def _path(export: ExportRef) -> str:
    value = export.id if isinstance(export, Export) else export
    return f"/exports/{quote(str(value), safe='')}"
