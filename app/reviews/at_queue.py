"""What is read of a queue and of a person's desk at every request: plain values, read at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class QueueLike(Protocol):
    """What statements need of a queue: its mapped row, or its rules as a reviewer meets them."""

    @property
    def id(self) -> UUID: ...
    @property
    def dataset_id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def claim_ttl_s(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def closed_at(self) -> datetime | None: ...
    @property
    def is_blind(self) -> bool: ...


@dataclass(frozen=True)
class QueueRules:
    """See `ReviewQueue`."""

    id: UUID
    project_id: UUID
    dataset_id: UUID
    name: str
    overlap: int
    claim_ttl_s: int
    show_suggestion: bool
    tolerance: float
    is_assigned: bool
    epoch: int
    closed_at: datetime | None
    item_count: int
    audits: int
    canaries: int
    audits_drawn: int
    canaries_made: int
    mixed_in: int

    @property
    def is_blind(self) -> bool:
        return self.closed_at is None and (self.audits > 0 or self.canaries > 0)

    @property
    def audits_left(self) -> int:
        return self.audits - self.audits_drawn

    @property
    def canaries_left(self) -> int:
        return self.canaries - self.canaries_made


@dataclass(frozen=True)
class DeskState:
    """See `ReviewDesk`."""

    principal_id: UUID
    base: int
    since: datetime
    pending: int
    pending_at: datetime
    epoch: int
    whole_at: datetime | None


@dataclass(frozen=True)
class Entered:
    queue: QueueRules
    desk: DeskState
    classes: list[str]
    is_regression: bool
    has_review_duty: bool
    has_adjudication_duty: bool
    has_stale: bool
    """Some claim of the queue has expired."""
    has_claims: bool
    """The person holds something of it, or held until lately."""
