"""Webhooks of a project, over HTTP. All of it is for admins."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app.access.guards import Admin
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.schemas import Page
from app.webhooks import endpoints, log
from app.webhooks.endpoints import WithSecret
from app.webhooks.errors import (
    DeliveryNotFound,
    TooManyWebhooks,
    WebhookAddressInvalid,
    WebhookEventsInvalid,
    WebhookNotFound,
    WebhookPaused,
    WebhooksUnavailable,
)
from app.webhooks.events import Event
from app.webhooks.models import EndpointStatus, WebhookEndpoint
from app.webhooks.schemas import (
    DeliveryDetailOut,
    DeliveryOut,
    NewWebhookOut,
    PingOut,
    WebhookChangeIn,
    WebhookIn,
    WebhookOut,
    delivery_values,
    webhook_values,
)

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


# The answer holds a secret, which is not kept for repeats: no Idempotency-Key here.
@router.post(
    "",
    status_code=201,
    response_model=NewWebhookOut,
    responses=problems(
        WebhookAddressInvalid, WebhookEventsInvalid, TooManyWebhooks, WebhooksUnavailable
    ),
)
def create_webhook(body: WebhookIn, caller: Admin, db: WriteSession) -> NewWebhookOut:
    """Tell an address of this project's events. Its secret is told in this answer and never again.

    Messages are signed as the Standard Webhooks specification says.
    """
    made = endpoints.register(
        db, caller, url=body.url, events=None if body.events == "all" else body.events
    )
    return _with_secret(db, made)


@router.get("", response_model=Page[WebhookOut])
def list_webhooks(
    caller: Admin, db: ReadSession, after: PageAfter = None, limit: PageLimit = 100
) -> Page[WebhookOut]:
    """The project's webhooks, the newest first."""
    rows, following = endpoints.list_endpoints(
        db, caller, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=[WebhookOut(**webhook_values(row)) for row in rows], next=following)


@router.get("/{webhook_id}", response_model=WebhookOut, responses=problems(WebhookNotFound))
def get_webhook(webhook_id: UUID, caller: Admin, db: ReadSession) -> WebhookOut:
    return _shown(db, endpoints.get_endpoint(db, caller, webhook_id))


@router.patch(
    "/{webhook_id}",
    response_model=WebhookOut,
    responses=problems(WebhookNotFound, WebhookAddressInvalid, WebhookEventsInvalid),
)
def change_webhook(
    webhook_id: UUID, body: WebhookChangeIn, caller: Admin, db: WriteSession
) -> WebhookOut:
    """Change address or events, pause or resume."""
    endpoint = endpoints.get_endpoint(db, caller, webhook_id)
    if body.url is not None or body.events is not None:
        endpoint = endpoints.change(
            db,
            caller,
            webhook_id,
            url=endpoint.url if body.url is None else body.url,
            events=_events_after(endpoint, body),
        )
    if body.status is EndpointStatus.paused:
        endpoint = endpoints.pause(db, caller, webhook_id)
    elif body.status is EndpointStatus.active:
        endpoint = endpoints.resume(db, caller, webhook_id)
    return _shown(db, endpoint)


@router.delete("/{webhook_id}", status_code=204, responses=problems(WebhookNotFound))
def delete_webhook(webhook_id: UUID, caller: Admin, db: WriteSession) -> None:
    """Tell this address nothing more, and forget what was sent to it."""
    endpoints.delete(db, caller, webhook_id)


@router.post(
    "/{webhook_id}/secret",
    response_model=NewWebhookOut,
    responses=problems(WebhookNotFound, WebhooksUnavailable),
)
def rotate_secret(webhook_id: UUID, caller: Admin, db: WriteSession) -> NewWebhookOut:
    """Make a new secret. For a day messages are signed with the old one as well."""
    return _with_secret(db, endpoints.rotate_secret(db, caller, webhook_id))


@router.post(
    "/{webhook_id}/ping",
    status_code=202,
    response_model=PingOut,
    responses=problems(WebhookNotFound, WebhookPaused),
)
def ping_webhook(webhook_id: UUID, caller: Admin, db: WriteSession) -> PingOut:
    """Send a `ping`, to see whether it arrives."""
    return PingOut(message_id=endpoints.ping(db, caller, webhook_id))


@router.get(
    "/{webhook_id}/deliveries",
    response_model=Page[DeliveryOut],
    responses=problems(WebhookNotFound),
)
def list_deliveries(
    webhook_id: UUID,
    caller: Admin,
    db: ReadSession,
    after: PageAfter = None,
    limit: PageLimit = 100,
) -> Page[DeliveryOut]:
    """What was sent in the last 30 days, the newest first, each with its latest attempt."""
    rows, following = log.list_deliveries(db, caller, webhook_id, after=after, limit=limit)
    return Page(
        items=[DeliveryOut.model_validate(delivery_values(row)) for row in rows], next=following
    )


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    response_model=DeliveryDetailOut,
    responses=problems(WebhookNotFound, DeliveryNotFound),
)
def get_delivery(
    webhook_id: UUID, delivery_id: UUID, caller: Admin, db: ReadSession
) -> DeliveryDetailOut:
    """A delivery with its attempts."""
    return DeliveryDetailOut(
        **delivery_values(log.get_delivery(db, caller, webhook_id, delivery_id))
    )


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/send-again",
    status_code=202,
    response_model=DeliveryDetailOut,
    responses=problems(WebhookNotFound, DeliveryNotFound, WebhookPaused),
)
def send_again(
    webhook_id: UUID, delivery_id: UUID, caller: Admin, db: WriteSession
) -> DeliveryDetailOut:
    """Send it once more, under the same `webhook-id`, whatever became of it."""
    return DeliveryDetailOut(**delivery_values(log.send_again(db, caller, webhook_id, delivery_id)))


def _events_after(endpoint: WebhookEndpoint, body: WebhookChangeIn) -> list[Event] | None:
    if body.events is None:
        kept = endpoint.events
        return None if kept is None else [Event(each) for each in kept]
    return None if body.events == "all" else body.events


def _shown(db: Session, endpoint: WebhookEndpoint) -> WebhookOut:
    return WebhookOut(**webhook_values(endpoints.listed(db, endpoint)))


def _with_secret(db: Session, made: WithSecret) -> NewWebhookOut:
    values = webhook_values(endpoints.listed(db, made.endpoint))
    return NewWebhookOut(**values, secret=made.secret)
