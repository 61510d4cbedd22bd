from __future__ import annotations

from app.errors import Conflict, NotFound


class DatasetNotFound(NotFound):
    title = "Dataset not found"
    code = "dataset-not-found"


class ExampleNotFound(NotFound):
    title = "Example not found"
    code = "example-not-found"


class DatasetExists(Conflict):
    title = "Dataset version exists"
    code = "dataset-exists"


class DatasetNotReady(Conflict):
    title = "Dataset not ready"
    code = "dataset-not-ready"


class NothingToRetry(Conflict):
    title = "Nothing to retry"
    code = "nothing-to-retry"
