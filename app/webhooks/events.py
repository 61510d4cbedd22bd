"""What webhooks tell of: the events' names, and what each carries as `data`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

PING = "ping"
"""Sent by the test button alone; nobody needs to ask for it."""


class Event(StrEnum):
    """What an endpoint may ask to be told of."""

    scan_complete = "scan.complete"
    scan_failed = "scan.failed"
    scan_cancelled = "scan.cancelled"
    queue_empty = "queue.empty"
    queue_disagreement = "queue.disagreement"


class ScanEnded(BaseModel):
    """Of `scan.complete`, `scan.failed` and `scan.cancelled`."""

    scan_id: UUID
    status: Literal["complete", "failed", "cancelled"]
    dataset_id: UUID
    run_id: UUID
    example_count: int
    flagged_count: int | None = Field(description="Null unless the scan is complete.")
    failure: str | None = Field(description="Why it failed, in a sentence; null if it did not.")


class QueueEmpty(BaseModel):
    """Of `queue.empty`: every item of a review queue is decided."""

    queue_id: UUID
    queue: str = Field(description="The queue's name.")
    dataset_id: UUID
    item_count: int


class QueueDisagreement(BaseModel):
    """Of `queue.disagreement`: an item has all its verdicts, and they do not agree."""

    queue_id: UUID
    queue: str = Field(description="The queue's name.")
    dataset_id: UUID
    position: int = Field(description="Of the example in the data set, from 0.")
    key: str = Field(description="The example's key.")
    verdict_count: int


class Ping(BaseModel):
    """Of `ping`."""

    endpoint_id: UUID


Payload = ScanEnded | QueueEmpty | QueueDisagreement

PAYLOAD_OF: dict[Event, type[Payload]] = {
    Event.scan_complete: ScanEnded,
    Event.scan_failed: ScanEnded,
    Event.scan_cancelled: ScanEnded,
    Event.queue_empty: QueueEmpty,
    Event.queue_disagreement: QueueDisagreement,
}
