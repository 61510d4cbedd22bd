"""What the client's methods on exports return."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from cleantrace.client.models import Failure, Record

ExportKind = Literal["patch", "dataset", "cleanlab", "evidence", "label-studio", "argilla"]


@dataclass(frozen=True)
class ExportFile(Record):
    """A file of an export."""

    number: int
    name: str
    media_type: str
    rows: int
    bytes: int
    sha256: str


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "created_at": datetime.fromisoformat,
    "failure": Failure.from_json,
    "files": lambda found: tuple(ExportFile.from_json(each) for each in found),
}


@dataclass(frozen=True)
class Export(Record):
    """Corrections, or the data set with them, as files.

    `files` and `card` are there once `status` is done.
    """

    id: str
    dataset_id: str
    kind: ExportKind
    format: str | None
    queue_ids: list[str]
    register_as: str | None
    status: Literal["queued", "running", "done", "failed"]
    failure: Failure | None
    rows_done: int
    files: tuple[ExportFile, ...]
    card: dict[str, Any] | None
    """Where it comes from and what was done: `counts`, `queues`, `fingerprint`, `notes`, …"""
    created_at: datetime
    created_by: str
    scan_id: str | None = None
    image_base: str | None = None

    _readers: ClassVar = _READERS

    @property
    def is_over(self) -> bool:
        return self.status in {"done", "failed"}


@dataclass(frozen=True)
class SigningKey(Record):
    """A public key of the service, Ed25519 as PEM. Its `id` is the SHA-256 of it as DER."""

    id: str
    public_key: str
    created_at: datetime
    retired_at: datetime | None
    """None: it signs now."""

    _readers: ClassVar = dict.fromkeys(("created_at", "retired_at"), datetime.fromisoformat)
