"""What names things to the client, and how it goes into a path."""

import os
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from cleantrace.client.models import (
    Checkpoint,
    Dataset,
    Failure,
    Run,
    Scan,
    Upload,
)

Location = str | os.PathLike[str]
DatasetRef = Dataset | str | UUID
RunRef = Run | str | UUID
CheckpointRef = Checkpoint | str | UUID
ScanRef = Scan | str | UUID

NO_REASON = Failure("Failed", "The service stored no reason.")


def path_id(ref: Dataset | Run | Checkpoint | Scan | Upload | str | UUID) -> str:
    value = ref if isinstance(ref, str | UUID) else ref.id
    # Part of a path: nothing in it may lead elsewhere.
    return quote(str(value), safe="")


def as_uri(location: Location) -> str:
    if isinstance(location, str):
        return location
    return Path(location).expanduser().absolute().as_uri()
