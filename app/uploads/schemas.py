from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from app.schemas import FailureOut, In, Name, Out
from app.uploads.models import UploadStatus

LARGEST = 2**40

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UploadIn(In):
    name: Name = Field(description="The file's name. Its ending tells what reads it: `x.csv.gz`.")
    size: int = Field(ge=1, le=LARGEST, description="Bytes.")
    sha256: Digest = Field(description="Of the whole file, in lower-case hexadecimal.")


class UploadOut(Out):
    id: UUID
    name: str
    size: int
    sha256: str
    uri: str = Field(description="What to register it by, once it is done.")
    status: UploadStatus
    failure: FailureOut | None
    part_bytes: int = Field(description="Bytes of each part but the last.")
    part_count: int
    received: int = Field(description="Parts that are there.")
    missing: list[int] = Field(description="Parts that are wanting, from 0; the first 1,000.")
    created_at: datetime
