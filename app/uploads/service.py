"""Taking files in, part by part.

A part may be sent again at any time, in any order, several at once; what is there already, from an
earlier try or under another name, need not be sent at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.artifacts import ArtifactStore
from app.db import new_id, now
from app.locations import resolve_location
from app.nudges import nudge
from app.paging import cut_page
from app.settings import settings
from app.uploads import places, queries
from app.uploads.errors import PartInvalid, UploadNotFound, UploadUnfinished
from app.uploads.models import Upload, UploadStatus
from app.uploads.schemas import UploadIn, UploadOut

PART_BYTES = 8 * 1024 * 1024
_MISSING_SHOWN = 1000
_ABANDONED_AFTER = timedelta(days=1)


def begin_upload(db: Session, caller: Caller, body: UploadIn) -> UploadOut:
    """A new upload, or the one that holds the same content, or some of it, already."""
    _forget_abandoned(db)
    ending = places.ending_of(body.name)
    upload = queries.same_file(db, caller.project_id, body.sha256, body.size, f"/data{ending}")
    if upload is None:
        upload_id = new_id()
        upload = Upload(
            id=upload_id,
            project_id=caller.project_id,
            request=body.model_dump(),
            created_by=caller.label,
            created_at=now(),
            status=UploadStatus.receiving.value,
            name=body.name,
            size=body.size,
            sha256=body.sha256,
            part_bytes=PART_BYTES,
            place=places.place_of(upload_id, body.name),
        )
        db.add(upload)
        db.flush()
        audit(db, caller, "begin_upload", f"upload {upload_id}", name=body.name, size=body.size)
    return upload_out(db, upload)


def get_upload(db: Session, caller: Caller, upload_id: UUID) -> Upload:
    upload = queries.upload(db, caller.project_id, upload_id)
    if upload is None:
        raise UploadNotFound(
            f"There is no upload {upload_id} in this project.",
            field="upload_id",
            remedy="Begin one: POST …/uploads. What nobody sends to for a day is forgotten.",
        )
    return upload


def list_uploads(
    db: Session, caller: Caller, *, after: tuple[datetime, UUID] | None = None, limit: int = 50
) -> tuple[list[UploadOut], str | None]:
    rows = queries.uploads_newest_first(db, caller.project_id, after=after, limit=limit + 1)
    page, following = cut_page(rows, limit, lambda upload: (upload.created_at, upload.id))
    return [upload_out(db, upload) for upload in page], following


def put_part(db: Session, caller: Caller, upload_id: UUID, number: int, data: bytes) -> UploadOut:
    """Keep a part. One that comes again, or too late, changes nothing.

    Raises:
        UploadNotFound.
        PartInvalid: there is no part of this number, or it has another size.
    """
    upload = get_upload(db, caller, upload_id)
    count = upload.part_count
    if not 0 <= number < count:
        raise PartInvalid(
            f"The upload has the parts 0 to {count - 1}.",
            field="number",
            remedy="Cut the file into parts of `part_bytes`, counted from 0.",
        )
    last = upload.size - (count - 1) * upload.part_bytes
    wanted = last if number == count - 1 else upload.part_bytes
    if len(data) != wanted:
        raise PartInvalid(
            f"Part {number} has {wanted:,} bytes; {len(data):,} came.",
            field="body",
            remedy="Send it again, whole. If the file has changed, begin a new upload.",
        )
    if upload.status == UploadStatus.receiving:
        # The file first: a part that the row tells of is there.
        ArtifactStore(settings().artifacts).write_bytes(places.part_place(upload_id, number), data)
        queries.put_part(db, upload_id, number)
    return upload_out(db, upload)


def finish_upload(db: Session, caller: Caller, upload_id: UUID) -> UploadOut:
    """All parts are there: have them put together and compared with what was announced.

    Raises:
        UploadNotFound.
        UploadUnfinished: parts are wanting.
    """
    upload = get_upload(db, caller, upload_id)
    missing = queries.missing_parts(db, upload_id, upload.part_count, _MISSING_SHOWN)
    if upload.status == UploadStatus.receiving:
        if missing:
            raise UploadUnfinished(
                f"{len(missing)} of {upload.part_count} parts are wanting, first {missing[0]}.",
                remedy="Send the parts that `missing` names, then finish it again.",
                missing=missing,
            )
        queries.begin_assembling(db, upload_id)
        nudge(db, "uploads.assemble", upload_id)
        db.refresh(upload)
    return upload_out(db, upload)


def locate(db: Session, caller: Caller, uri: str) -> str:
    """Check the place that a registration names; returns its canonical URI.

    Raises:
        LocationNotAllowed, LocationNotFound: neither an upload nor inside the allowed roots.
        UploadNotFound, UploadUnfinished: it is no upload of the project's, or wants parts.
    """
    if not uri.startswith(f"{places.SCHEME}://"):
        return resolve_location(uri, settings().allowed_roots, field="uri").uri
    upload_id = places.upload_id_of(uri)
    upload = queries.upload(db, caller.project_id, upload_id) if upload_id else None
    if upload is None:
        raise UploadNotFound(
            f"There is no upload {uri!r} in this project.",
            field="uri",
            remedy="Name it by the `uri` that the service gave it, or upload the file again.",
        )
    if upload.status != UploadStatus.done:
        raise UploadUnfinished(
            f"The upload of {upload.name!r} is {upload.status}.",
            field="uri",
            remedy="Send its parts, finish it, and wait until it is done.",
        )
    return places.uri_of(upload.id, upload.name)


def upload_at(db: Session, uri: str) -> Upload | None:
    """The upload that registered data or a checkpoint lies in, if it is one."""
    upload_id = places.upload_id_of(uri)
    return queries.upload_by_id(db, upload_id) if upload_id else None


def upload_out(db: Session, upload: Upload) -> UploadOut:
    receiving = upload.status == UploadStatus.receiving
    count = upload.part_count
    missing = queries.missing_parts(db, upload.id, count, _MISSING_SHOWN) if receiving else []
    return UploadOut.model_validate(
        {name: getattr(upload, name, None) for name in UploadOut.model_fields}
        | {
            "uri": places.uri_of(upload.id, upload.name),
            "received": queries.part_count(db, upload.id) if receiving else count,
            "missing": missing,
        }
    )


def _forget_abandoned(db: Session) -> None:
    """Uploads of all projects that nobody goes on with, and what came of them."""
    store = ArtifactStore(settings().artifacts)
    for upload in queries.delete_abandoned(db, _ABANDONED_AFTER):
        for number in range(upload.part_count):
            store.delete(places.part_place(upload.id, number))
