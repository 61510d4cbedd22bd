"""What changed between two versions of a dataset, as the API tells it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from app.schemas import Out


class ChangeKind(StrEnum):
    """How an example is not as it was. One may be relabelled and have other content, too."""

    added = "added"
    removed = "removed"
    relabelled = "relabelled"
    content = "content"
    """The key is as it was, the content is not."""


class VersionOut(Out):
    id: UUID
    name: str
    version: str


class ChangeCounts(Out):
    before: int = Field(description="Examples of the earlier version.")
    after: int
    added: int
    removed: int
    relabelled: int
    content: int = Field(description="Other content under the same key.")
    unchanged: int


class Relabelled(Out):
    old: str
    new: str
    count: int


class ClassChange(Out):
    label: str
    before: int
    after: int
    added: int
    removed: int
    gained: int = Field(description="Examples that were of another class.")
    lost: int = Field(description="Examples that are of another class now.")


class ExportOnTheWay(Out):
    """An export of review outcomes that made one of the versions in between."""

    id: UUID
    dataset_id: UUID = Field(description="The version that it made.")
    version: str
    as_of: datetime | None = Field(description="Verdicts up to this moment counted.")
    created_by: str


class ChangesOut(Out):
    """Examples are known by their key."""

    dataset: VersionOut
    since: VersionOut = Field(description="The earlier version.")
    counts: ChangeCounts
    relabelled: list[Relabelled] = Field(
        description="Of each old and new class, the most frequent first; up to 1,000 pairs."
    )
    pair_count: int = Field(description="Pairs of an old and a new class that there are.")
    classes: list[ClassChange] | None = Field(description="Null in a regression.")
    exports: list[ExportOnTheWay] = Field(
        description="That lead from the earlier version to this one, the latest first; empty if "
        "they do not."
    )


class OriginOut(Out):
    """What people decided, from which an export made the change."""

    export_id: UUID
    queue_id: UUID
    queue: str
    who: str = Field(description="Names, with `; ` between.")
    at: datetime
    why: str | None = Field(description="Their comments.")
    decided_by: str = Field(description="consensus, adjudication or batch.")


class ChangedExampleOut(Out):
    key: str
    kinds: list[ChangeKind]
    position: int | None = Field(description="Null if it was removed.")
    position_before: int | None = Field(description="Null if it was added.")
    label: str | None = None
    label_before: str | None = None
    target: float | None = Field(None, description="In a regression, in place of the label.")
    target_before: float | None = None
    origin: OriginOut | None = Field(
        None, description="Null if no export made the change, or if it was decided anew since."
    )
