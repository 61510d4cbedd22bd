"""Endpoints as admins keep them: registering, changing, testing, secrets, deleting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.db import now
from app.nudges import nudge
from app.paging import cut_page
from app.webhooks import queries
from app.webhooks.addresses import checked_url
from app.webhooks.errors import (
    TooManyWebhooks,
    WebhookEventsInvalid,
    WebhookNotFound,
    WebhookPaused,
)
from app.webhooks.events import PING, Event, Ping
from app.webhooks.models import EndpointStatus, PausedBecause, WebhookEndpoint, WebhookEvent
from app.webhooks.queries import ListedEndpoint
from app.webhooks.service import PATIENCE
from app.webhooks.signing import (
    SecretUnreadable,
    new_secret,
    require_keys,
    sealed,
    unsealed,
)

MOST = 20
"""Endpoints of a project: a row for each is written with every event."""
OVERLAP = timedelta(days=1)
"""So long an old secret signs beside a new one."""


@dataclass(frozen=True)
class WithSecret:
    endpoint: WebhookEndpoint
    secret: str
    """This is the only time it can be read."""


def register(
    db: Session, caller: Caller, *, url: str, events: list[Event] | None = None
) -> WithSecret:
    """Tell an address of the project's events.

    Args:
        events: None for all, those of later versions too.

    Raises:
        WebhooksUnavailable, WebhookAddressInvalid, WebhookEventsInvalid, TooManyWebhooks.
    """
    require_keys()
    checked = checked_url(url)
    chosen = _chosen(events)
    if queries.endpoint_count(db, caller.project_id) >= MOST:
        raise TooManyWebhooks(
            f"A project has at most {MOST} webhooks.", remedy="Delete one that nobody needs."
        )
    secret = new_secret()
    endpoint = WebhookEndpoint(
        project_id=caller.project_id,
        url=checked,
        events=chosen,
        secret=sealed(secret),
        created_by=caller.principal_id,
    )
    db.add(endpoint)
    db.flush()
    audit(db, caller, "create_webhook", _subject(endpoint.id), url=checked, events=chosen or "all")
    return WithSecret(endpoint, secret)


def get_endpoint(db: Session, caller: Caller, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises WebhookNotFound."""
    return _found(queries.endpoint(db, caller.project_id, endpoint_id), endpoint_id)


def list_endpoints(
    db: Session, caller: Caller, *, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[ListedEndpoint], str | None]:
    """The project's endpoints, the newest first."""
    rows = queries.endpoints(db, caller.project_id, after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda row: (row.endpoint.created_at, row.endpoint.id))


def listed(db: Session, endpoint: WebhookEndpoint) -> ListedEndpoint:
    return ListedEndpoint(endpoint, queries.maker_of(db, endpoint.created_by))


def change(
    db: Session, caller: Caller, endpoint_id: UUID, *, url: str, events: list[Event] | None
) -> WebhookEndpoint:
    """Give an endpoint another address or other events.

    Raises:
        WebhookNotFound, WebhookAddressInvalid, WebhookEventsInvalid.
    """
    endpoint = _locked(db, caller, endpoint_id)
    endpoint.url = checked_url(url)
    endpoint.events = _chosen(events)
    audit(
        db,
        caller,
        "change_webhook",
        _subject(endpoint_id),
        url=endpoint.url,
        events=endpoint.events or "all",
    )
    return endpoint


def pause(db: Session, caller: Caller, endpoint_id: UUID) -> WebhookEndpoint:
    """Send nothing for now: events wait, up to a day. Raises WebhookNotFound."""
    endpoint = _locked(db, caller, endpoint_id)
    if endpoint.status == EndpointStatus.active:
        endpoint.status = EndpointStatus.paused
        endpoint.paused_because = PausedBecause.asked
        endpoint.paused_at = now()
        audit(db, caller, "pause_webhook", _subject(endpoint_id))
    return endpoint


def resume(db: Session, caller: Caller, endpoint_id: UUID) -> WebhookEndpoint:
    """Send again, and first what waited. Raises WebhookNotFound."""
    endpoint = _locked(db, caller, endpoint_id)
    if endpoint.status == EndpointStatus.paused:
        endpoint.status = EndpointStatus.active
        endpoint.paused_because = endpoint.paused_at = None
        endpoint.failing_since = None
        _ask_at_once(db, endpoint)
        audit(db, caller, "resume_webhook", _subject(endpoint_id))
    return endpoint


def ping(db: Session, caller: Caller, endpoint_id: UUID) -> UUID:
    """Send an endpoint a `ping`; returns the event's id. Raises WebhookNotFound, WebhookPaused."""
    endpoint = _locked(db, caller, endpoint_id)
    require_active(endpoint)
    event = WebhookEvent(
        project_id=caller.project_id,
        event=PING,
        data=Ping(endpoint_id=endpoint.id).model_dump(mode="json"),
    )
    db.add(event)
    db.flush()
    queries.add_deliveries(db, event.id, [endpoint.id], PATIENCE)
    _ask_at_once(db, endpoint)
    audit(db, caller, "ping_webhook", _subject(endpoint_id))
    return event.id


def send_again(db: Session, caller: Caller, endpoint_id: UUID, delivery_id: UUID) -> bool:
    """Make a delivery due now; False if there is none. Raises WebhookNotFound, WebhookPaused."""
    endpoint = _locked(db, caller, endpoint_id)
    require_active(endpoint)
    if not queries.send_again(db, endpoint_id, delivery_id, PATIENCE):
        return False
    _ask_at_once(db, endpoint)
    audit(db, caller, "send_webhook_again", _subject(endpoint_id), delivery=str(delivery_id))
    return True


def rotate_secret(db: Session, caller: Caller, endpoint_id: UUID) -> WithSecret:
    """Make a new secret. For a day the old one signs too, so that receivers can change over.

    Raises:
        WebhookNotFound, WebhooksUnavailable.
    """
    endpoint = _locked(db, caller, endpoint_id)
    secret = new_secret()
    try:
        endpoint.previous_secret = sealed(unsealed(endpoint.secret))
        endpoint.previous_secret_until = now() + OVERLAP
    except SecretUnreadable:  # the rotation is the remedy
        endpoint.previous_secret = endpoint.previous_secret_until = None
    endpoint.secret = sealed(secret)
    audit(db, caller, "rotate_webhook_secret", _subject(endpoint_id))
    return WithSecret(endpoint, secret)


def delete(db: Session, caller: Caller, endpoint_id: UUID) -> None:
    """Forget an endpoint and what was sent to it. Raises WebhookNotFound."""
    endpoint = get_endpoint(db, caller, endpoint_id)
    if not queries.delete_endpoint(db, caller.project_id, endpoint_id):
        raise _missing(endpoint_id)
    audit(db, caller, "delete_webhook", _subject(endpoint_id), url=endpoint.url)


def require_active(endpoint: WebhookEndpoint) -> None:
    """Raises WebhookPaused."""
    if endpoint.status != EndpointStatus.active:
        raise WebhookPaused("This webhook is paused: nothing is sent.", remedy="Resume it first.")


def _ask_at_once(db: Session, endpoint: WebhookEndpoint) -> None:
    endpoint.failures_in_a_row = 0
    endpoint.not_before = None
    nudge(db, "webhooks.deliver", endpoint.id)


def _chosen(events: list[Event] | None) -> list[str] | None:
    if events is None:
        return None
    if not events:
        raise WebhookEventsInvalid(
            "A webhook that is told of nothing is of no use.",
            field="events",
            remedy="Name at least one event, or say `all`.",
        )
    return [event.value for event in Event if event in events]


def _locked(db: Session, caller: Caller, endpoint_id: UUID) -> WebhookEndpoint:
    return _found(queries.endpoint(db, caller.project_id, endpoint_id, lock=True), endpoint_id)


def _found(endpoint: WebhookEndpoint | None, endpoint_id: UUID) -> WebhookEndpoint:
    if endpoint is None:
        raise _missing(endpoint_id)
    return endpoint


def _missing(endpoint_id: UUID) -> WebhookNotFound:
    return WebhookNotFound(
        f"There is no webhook {endpoint_id} in this project.",
        field="webhook_id",
        remedy="List the webhooks to see their ids.",
    )


def _subject(endpoint_id: UUID) -> str:
    return f"webhook {endpoint_id}"
