"""What every room's methods of the client share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

from cleantrace.client.models import (
    Checkpoint,
    Dataset,
    Failure,
    Record,
    Run,
    Scan,
    Upload,
)
from cleantrace.client.transport import Transport

R = TypeVar("R", bound=Record)

Location = str | os.PathLike[str]
DatasetRef = Dataset | str | UUID
RunRef = Run | str | UUID
CheckpointRef = Checkpoint | str | UUID
ScanRef = Scan | str | UUID

NO_REASON = Failure("Failed", "The service stored no reason.")


class Calls:
    """Base of the rooms' methods."""

    _transport: Transport

    def _pages(self, path: str, kind: type[R], **query: Any) -> Iterator[R]:
        query.setdefault("limit", 200)
        after = None
        while True:
            page = self._transport.get(path, after=after, **query)
            yield from (kind.from_json(each) for each in page["items"])
            after = page["next"]
            if after is None:
                return


def path_id(ref: Dataset | Run | Checkpoint | Scan | Upload | str | UUID) -> str:
    value = ref if isinstance(ref, str | UUID) else ref.id
    # Part of a path: nothing in it may lead elsewhere.
    return quote(str(value), safe="")


def as_uri(location: Location) -> str:
    if isinstance(location, str):
        return location
    return Path(location).expanduser().absolute().as_uri()
