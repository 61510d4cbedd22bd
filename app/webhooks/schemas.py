from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.schemas import In, Out
from app.webhooks.events import Event
from app.webhooks.log import LoggedDelivery
from app.webhooks.models import DeliveryStatus, EndpointStatus, PausedBecause
from app.webhooks.queries import ListedEndpoint

Url = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
Events = Literal["all"] | Annotated[list[Event], Field(max_length=100)]


class WebhookIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://example.com/hooks/cleantrace",
                    "events": ["scan.complete", "scan.failed"],
                }
            ]
        }
    )

    url: Url = Field(description="Where to POST to.")
    events: Events = Field("all", description="`all` includes those of later versions.")


class WebhookChangeIn(In):
    """What is to change; whatever is left out stays."""

    url: Url | None = None
    events: Events | None = None
    status: EndpointStatus | None = Field(
        None, description="Paused: events wait, up to a day, until it is active again."
    )


class WebhookOut(Out):
    id: UUID
    url: str
    events: Literal["all"] | list[str]
    status: EndpointStatus
    paused_because: PausedBecause | None = Field(
        description="`asked`: an admin paused it; `gone`: it answered 410 Gone; `failing`: every "
        "attempt failed for days."
    )
    paused_at: datetime | None
    failing_since: datetime | None = Field(description="The first failure since the last success.")
    failures_in_a_row: int
    previous_secret_until: datetime | None = Field(
        description="Until then the secret before the last rotation signs too."
    )
    created_by: str
    created_at: datetime


class NewWebhookOut(WebhookOut):
    secret: str = Field(description="What signatures are checked with: told only now.")


class PingOut(Out):
    message_id: UUID = Field(description="The `webhook-id` of the ping.")


class AttemptOut(Out):
    number: int
    at: datetime
    ms: int | None = Field(description="Null while under way, and if its worker died.")
    status: int | None = Field(description="Of HTTP; null if there was no answer.")
    answer: str | None = Field(description="The first 500 characters of the answer.")
    problem: str | None = Field(description="Why there was no answer.")


class DeliveryOut(Out):
    id: UUID
    message_id: UUID = Field(description="The `webhook-id`, the same at every attempt.")
    event: str
    data: dict[str, Any]
    created_at: datetime
    status: DeliveryStatus = Field(description="`failed`: given up.")
    attempts: int
    next_attempt_at: datetime | None = Field(description="Null unless pending.")
    ended_at: datetime | None
    latest: AttemptOut | None


class DeliveryDetailOut(DeliveryOut):
    log: list[AttemptOut] = Field(description="The latest 100 attempts, the latest first.")


def webhook_values(listed: ListedEndpoint) -> dict[str, Any]:
    endpoint = listed.endpoint
    values = {
        name: getattr(endpoint, name)
        for name in WebhookOut.model_fields
        if name not in {"events", "created_by"}
    }
    return values | {"events": endpoint.events or "all", "created_by": listed.created_by}


def delivery_values(logged: LoggedDelivery) -> dict[str, Any]:
    delivery = logged.delivery
    tries = [AttemptOut.model_validate(each) for each in logged.attempts]
    values = {
        name: getattr(delivery, name)
        for name in DeliveryOut.model_fields
        if name not in {"latest", "next_attempt_at"}
    }
    pending = delivery.status == DeliveryStatus.pending
    return values | {
        "next_attempt_at": delivery.next_attempt_at if pending else None,
        "latest": tries[0] if tries else None,
        "log": tries,
    }
