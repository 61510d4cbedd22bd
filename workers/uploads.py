"""Putting an upload's parts together, and comparing the whole with what was announced."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from app.artifacts import ArtifactStore
from app.db import transaction
from app.errors import Invalid
from app.settings import settings
from app.uploads import places, queries
from app.uploads.models import Upload
from workers.leases import Heartbeat
from workers.small_jobs import run_small_job


class ChecksumDiffers(Invalid):
    title = "Checksum differs"
    code = "checksum-differs"


def run_assembling(upload_id: UUID) -> None:
    """Assemble an upload if it is asked for and nobody does. Safe to call any number of times."""
    run_small_job(Upload, upload_id, "Putting the upload together", _assemble)
    _drop_parts(upload_id)


def _assemble(upload: Upload, _: UUID, heartbeat: Heartbeat) -> dict[str, Any]:
    store = ArtifactStore(settings().artifacts)
    if store.exists(upload.place):
        # Whoever wrote it compared it first, and fell silent before they could say so.
        return {"sha256": upload.sha256}
    digest = hashlib.sha256()
    with store.writer(upload.place) as path:
        with path.open("wb") as whole:
            for number in range(upload.part_count):
                heartbeat.check()
                part = store.read_bytes(places.part_place(upload.id, number))
                digest.update(part)
                whole.write(part)
        if digest.hexdigest() != upload.sha256:
            raise ChecksumDiffers(
                f"What came of {upload.name!r} has the SHA-256 {digest.hexdigest()}, not the "
                f"announced {upload.sha256}.",
                field="sha256",
                remedy="The file changed while it was sent, or was damaged on its way. Upload it "
                "again.",
            )
    return {"sha256": upload.sha256}


def _drop_parts(upload_id: UUID) -> None:
    """What the whole has made needless."""
    with transaction() as db:
        upload = queries.upload_by_id(db, upload_id)
        if upload is None or upload.result is None:
            return
        store = ArtifactStore(settings().artifacts)
        for number in range(upload.part_count):
            store.delete(places.part_place(upload_id, number))
        queries.drop_parts(db, upload_id)
