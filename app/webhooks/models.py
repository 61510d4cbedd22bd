from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class EndpointStatus(StrEnum):
    active = "active"
    paused = "paused"


class PausedBecause(StrEnum):
    """Who or what paused an endpoint."""

    asked = "asked"
    """An admin did."""
    gone = "gone"
    """It answered 410 Gone."""
    failing = "failing"
    """Every attempt failed, for days."""


class DeliveryStatus(StrEnum):
    pending = "pending"
    delivered = "delivered"
    failed = "failed"
    """Given up."""


class WebhookEndpoint(Base):
    """An address that is told of a project's events.

    One worker at a time holds its lease and delivers to it, in the order of the events.
    """

    __tablename__ = "webhook_endpoints"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    url: Mapped[str]
    events: Mapped[list[str] | None]
    """Null: all, those that later versions add among them."""
    secret: Mapped[str]
    """Encrypted: see signing.py."""
    previous_secret: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None]
    """Until then both sign, so that a receiver can change over at leisure."""
    status: Mapped[str] = mapped_column(default=EndpointStatus.active)
    paused_because: Mapped[str | None]
    paused_at: Mapped[datetime | None]
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)

    failures_in_a_row: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    """After a failure nothing is sent before this: an address that is down is asked seldom."""

    lease_token: Mapped[uuid.UUID | None]
    lease_expires_at: Mapped[datetime | None]
    nudged_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "project_id", "created_at", "id"),)


class WebhookEvent(Base):
    """Something that happened, written in the transaction in which it did."""

    __tablename__ = "webhook_events"

    id: Mapped[uuid.UUID] = id_column()
    """The `webhook-id` that receivers know repeats by."""
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    event: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class WebhookDelivery(Base):
    """An event on its way to an endpoint."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[uuid.UUID] = id_column()
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """The order of creation."""
    endpoint_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE")
    )
    event_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("webhook_events.id", ondelete="CASCADE"), index=True
    )
    status: Mapped[str] = mapped_column(default=DeliveryStatus.pending)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(default=now)
    gives_up_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "endpoint_id", "number"),
        Index(
            "ix_webhook_deliveries_pending",
            "endpoint_id",
            "next_attempt_at",
            postgresql_where="status = 'pending'",
        ),
    )


class WebhookAttempt(Base):
    """One request to an endpoint. Written before it is sent: a worker may die meanwhile."""

    __tablename__ = "webhook_attempts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    delivery_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True
    )
    number: Mapped[int]
    """From 1."""
    at: Mapped[datetime]
    ms: Mapped[int | None]
    """Null while it is under way, and for ever if its worker died."""
    status: Mapped[int | None]
    """Of HTTP; null if there was no answer."""
    answer: Mapped[str | None]
    """The first 500 characters."""
    problem: Mapped[str | None]
    """Why there was no answer."""
