"""SQL of endpoints and of what is shown of their deliveries."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from app.access.models import Principal
from app.webhooks.events import Event
from app.webhooks.models import (
    DeliveryStatus,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)


@dataclass(frozen=True)
class ListedEndpoint:
    endpoint: WebhookEndpoint
    created_by: str


@dataclass(frozen=True)
class ListedDelivery:
    """A delivery with its event and its latest attempt."""

    id: uuid.UUID
    number: int
    message_id: uuid.UUID
    event: str
    data: dict[str, Any]
    created_at: datetime
    status: str
    attempts: int
    next_attempt_at: datetime
    ended_at: datetime | None


def subscribed(db: Session, project_id: uuid.UUID, event: Event) -> Sequence[uuid.UUID]:
    """Endpoints that are told of an event. They cannot be deleted before this transaction ends."""
    return db.scalars(
        select(WebhookEndpoint.id)
        .where(
            WebhookEndpoint.project_id == project_id,
            or_(WebhookEndpoint.events.is_(None), WebhookEndpoint.events.contains([event.value])),
        )
        .order_by(WebhookEndpoint.id)
        .with_for_update(read=True, key_share=True)
    ).all()


def add_deliveries(
    db: Session, event_id: uuid.UUID, endpoint_ids: Sequence[uuid.UUID], patience: timedelta
) -> None:
    at = func.now()
    rows = [{"id": uuid.uuid4(), "endpoint_id": each} for each in endpoint_ids]
    db.execute(
        insert(WebhookDelivery).values(
            event_id=event_id,
            status=DeliveryStatus.pending,
            attempts=0,
            next_attempt_at=at,
            gives_up_at=at + patience,
        ),
        rows,
    )


def endpoint(
    db: Session, project_id: uuid.UUID, endpoint_id: uuid.UUID, *, lock: bool = False
) -> WebhookEndpoint | None:
    asked = select(WebhookEndpoint).where(
        WebhookEndpoint.id == endpoint_id, WebhookEndpoint.project_id == project_id
    )
    return db.scalar(asked.with_for_update(key_share=True) if lock else asked)


def endpoints(
    db: Session,
    project_id: uuid.UUID,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> list[ListedEndpoint]:
    """A project's endpoints, the newest first."""
    asked = (
        select(WebhookEndpoint, Principal.name)
        .join(Principal, Principal.id == WebhookEndpoint.created_by)
        .where(WebhookEndpoint.project_id == project_id)
        .order_by(WebhookEndpoint.created_at.desc(), WebhookEndpoint.id.desc())
        .limit(limit)
    )
    if after is not None:
        asked = asked.where(tuple_(WebhookEndpoint.created_at, WebhookEndpoint.id) < after)
    return [ListedEndpoint(*row) for row in db.execute(asked)]


def maker_of(db: Session, principal_id: uuid.UUID) -> str:
    return db.scalar(select(Principal.name).where(Principal.id == principal_id)) or ""


def endpoint_count(db: Session, project_id: uuid.UUID) -> int:
    count = select(func.count()).where(WebhookEndpoint.project_id == project_id)
    return db.scalar(count) or 0


def delete_endpoint(db: Session, project_id: uuid.UUID, endpoint_id: uuid.UUID) -> bool:
    """With its deliveries; says whether it was there."""
    deleted = db.scalar(
        delete(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.project_id == project_id)
        .returning(WebhookEndpoint.id)
    )
    return deleted is not None


_DELIVERY = (
    select(
        WebhookDelivery.id,
        WebhookDelivery.number,
        WebhookEvent.id,
        WebhookEvent.event,
        WebhookEvent.data,
        WebhookEvent.created_at,
        WebhookDelivery.status,
        WebhookDelivery.attempts,
        WebhookDelivery.next_attempt_at,
        WebhookDelivery.ended_at,
    )
    .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
    .order_by(WebhookDelivery.number.desc())
)


def deliveries(
    db: Session, endpoint_id: uuid.UUID, *, before: int | None, limit: int
) -> list[ListedDelivery]:
    """An endpoint's deliveries, the newest first."""
    asked = _DELIVERY.where(WebhookDelivery.endpoint_id == endpoint_id).limit(limit)
    if before is not None:
        asked = asked.where(WebhookDelivery.number < before)
    return [ListedDelivery(*row) for row in db.execute(asked)]


def delivery(db: Session, endpoint_id: uuid.UUID, delivery_id: uuid.UUID) -> ListedDelivery | None:
    row = db.execute(
        _DELIVERY.where(
            WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.id == delivery_id
        )
    ).first()
    return None if row is None else ListedDelivery(*row)


def attempts(db: Session, delivery_ids: Sequence[uuid.UUID], most: int) -> Sequence[WebhookAttempt]:
    """Attempts of some deliveries, at most so many of each, the latest first."""
    rank = func.row_number().over(
        partition_by=WebhookAttempt.delivery_id, order_by=WebhookAttempt.id.desc()
    )
    ranked = (
        select(WebhookAttempt.id, rank.label("rank"))
        .where(WebhookAttempt.delivery_id.in_(delivery_ids))
        .subquery()
    )
    return db.scalars(
        select(WebhookAttempt)
        .join(ranked, ranked.c.id == WebhookAttempt.id)
        .where(ranked.c.rank <= most)
        .order_by(WebhookAttempt.id.desc())
    ).all()


def send_again(
    db: Session, endpoint_id: uuid.UUID, delivery_id: uuid.UUID, patience: timedelta
) -> bool:
    """Make a delivery due now, whatever became of it; says whether there is such a one."""
    found = db.scalar(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
        .values(
            status=DeliveryStatus.pending,
            next_attempt_at=func.now(),
            gives_up_at=func.now() + patience,
            ended_at=None,
        )
        .returning(WebhookDelivery.id)
    )
    return found is not None
