from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.schemas import LAST_POSITION, Page
from app.uploads import service
from app.uploads.errors import PartInvalid, UploadNotFound, UploadUnfinished
from app.uploads.schemas import UploadIn, UploadOut

router = APIRouter(prefix="/uploads", tags=["uploads"])


async def _raw_body(request: Request) -> bytes:
    return await request.body()


@router.post("", status_code=201, response_model=UploadOut)
def begin_upload(body: UploadIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> UploadOut:
    """Announce a file. Send the parts that `missing` names, then finish it.

    A file that the project has already is not sent again: its upload is the answer, with nothing
    missing. One that was broken off goes on where it was.
    """
    return once.run(db, caller, UploadOut, lambda: service.begin_upload(db, caller, body))


@router.get("", response_model=Page[UploadOut])
def list_uploads(
    caller: Viewer, db: ReadSession, after: PageAfter = None, limit: PageLimit = 50
) -> Page[UploadOut]:
    """The project's uploads, newest first."""
    items, following = service.list_uploads(
        db, caller, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=items, next=following)


@router.get("/{upload_id}", response_model=UploadOut, responses=problems(UploadNotFound))
def get_upload(upload_id: UUID, caller: Viewer, db: ReadSession) -> UploadOut:
    return service.upload_out(db, service.get_upload(db, caller, upload_id))


_BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.put(
    "/{upload_id}/parts/{number}",
    response_model=UploadOut,
    responses=problems(UploadNotFound, PartInvalid),
    openapi_extra=_BYTES,
)
def put_part(
    upload_id: UUID,
    number: Annotated[int, Path(ge=0, le=LAST_POSITION)],
    data: Annotated[bytes, Depends(_raw_body)],
    caller: Engineer,
    db: WriteSession,
) -> UploadOut:
    """Send a part, as the body's bytes. In any order, several at once, again if in doubt."""
    return service.put_part(db, caller, upload_id, number, data)


@router.post(
    "/{upload_id}/finish",
    response_model=UploadOut,
    responses=problems(UploadNotFound, UploadUnfinished),
)
def finish_upload(upload_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly) -> UploadOut:
    """All parts are sent: a worker puts them together and compares the checksum. Then it is
    `done`, and its `uri` may be registered as a dataset's or a checkpoint's."""
    return once.run(db, caller, UploadOut, lambda: service.finish_upload(db, caller, upload_id))
