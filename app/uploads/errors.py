from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound


class UploadNotFound(NotFound):
    title = "Upload not found"
    code = "upload-not-found"


class UploadUnfinished(Conflict):
    title = "Upload unfinished"
    code = "upload-unfinished"


class PartInvalid(Invalid):
    title = "Part invalid"
    code = "part-invalid"
