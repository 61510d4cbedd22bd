from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound


class ExportNotFound(NotFound):
    title = "Export not found"
    code = "export-not-found"


class ExportFileNotFound(NotFound):
    title = "Export file not found"
    code = "export-file-not-found"


class NothingReviewed(Conflict):
    title = "Nothing reviewed"
    code = "nothing-reviewed"


class NothingScanned(Conflict):
    title = "Nothing scanned"
    code = "nothing-scanned"


class ImageBaseUnfit(Invalid):
    title = "Image base unfit"
    code = "image-base-unfit"


class ExportNotDone(Conflict):
    title = "Export not done"
    code = "export-not-done"


class SourceChanged(Conflict):
    """The data is not what it was when it was indexed."""

    title = "Source changed"
    code = "source-changed"


class LabelUnwritable(Invalid):
    """A corrected label has no place in the source's label column."""

    title = "Label cannot be written"
    code = "label-unwritable"
