"""What was sent to an endpoint, how it answered, and sending it again."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.paging import cut_page, decode_cursor, parse_number
from app.webhooks import endpoints, queries
from app.webhooks.errors import DeliveryNotFound
from app.webhooks.models import WebhookAttempt
from app.webhooks.queries import ListedDelivery

_ALL_SHOWN = 100


@dataclass(frozen=True)
class LoggedDelivery:
    delivery: ListedDelivery
    attempts: list[WebhookAttempt]
    """The latest first."""


def list_deliveries(
    db: Session,
    caller: Caller,
    endpoint_id: UUID,
    *,
    after: str | None,
    limit: int,
    attempts: int = 1,
) -> tuple[list[LoggedDelivery], str | None]:
    """Deliveries to an endpoint, the newest first, each with its latest attempts.

    Raises:
        WebhookNotFound.
        CursorInvalid: `after` is not the cursor of a page of this list.
    """
    endpoints.get_endpoint(db, caller, endpoint_id)
    cursor = decode_cursor(after, parse_number)
    rows = queries.deliveries(
        db, endpoint_id, before=cursor[0] if cursor else None, limit=limit + 1
    )
    page, following = cut_page(rows, limit, lambda row: (row.number,))
    return _with_attempts(db, page, attempts), following


def get_delivery(
    db: Session, caller: Caller, endpoint_id: UUID, delivery_id: UUID
) -> LoggedDelivery:
    """A delivery with all its attempts. Raises WebhookNotFound, DeliveryNotFound."""
    endpoints.get_endpoint(db, caller, endpoint_id)
    found = queries.delivery(db, endpoint_id, delivery_id)
    if found is None:
        raise _missing(delivery_id)
    return _with_attempts(db, [found], _ALL_SHOWN)[0]


def send_again(db: Session, caller: Caller, endpoint_id: UUID, delivery_id: UUID) -> LoggedDelivery:
    """Send a delivery once more, under the same `webhook-id`.

    Raises:
        WebhookNotFound, DeliveryNotFound, WebhookPaused.
    """
    if not endpoints.send_again(db, caller, endpoint_id, delivery_id):
        raise _missing(delivery_id)
    return get_delivery(db, caller, endpoint_id, delivery_id)


def _with_attempts(
    db: Session, deliveries: list[ListedDelivery], most: int
) -> list[LoggedDelivery]:
    by_delivery: dict[UUID, list[WebhookAttempt]] = {each.id: [] for each in deliveries}
    for attempt in queries.attempts(db, list(by_delivery), most):
        by_delivery[attempt.delivery_id].append(attempt)
    return [LoggedDelivery(each, by_delivery[each.id]) for each in deliveries]


def _missing(delivery_id: UUID) -> DeliveryNotFound:
    return DeliveryNotFound(
        f"There is no delivery {delivery_id} to this webhook.",
        field="delivery_id",
        remedy="List the deliveries; those of more than 30 days ago are deleted.",
    )
