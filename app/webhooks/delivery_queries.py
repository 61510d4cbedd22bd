"""SQL of delivering: the lease of an endpoint, attempts, and what the sweep looks for.

As everywhere, each decision is a conditional statement with the database's clock, and the lease's
token proves that its holder still is.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.projects.models import Project
from app.webhooks.models import (
    DeliveryStatus,
    EndpointStatus,
    PausedBecause,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

_UNHELD = or_(WebhookEndpoint.lease_token.is_(None), WebhookEndpoint.lease_expires_at < func.now())
_MAY_BE_ASKED = or_(WebhookEndpoint.not_before.is_(None), WebhookEndpoint.not_before <= func.now())


@dataclass(frozen=True)
class Begun:
    """An attempt that is written down and is now to be made."""

    delivery_id: uuid.UUID
    attempt_id: int
    number: int
    url: str
    secrets: list[str]
    """Those that sign, still encrypted."""
    message_id: uuid.UUID
    event: str
    created_at: datetime
    project: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt."""

    ms: int
    status: int | None = None
    answer: str | None = None
    problem: str | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == 410


def _is_held(endpoint_id: uuid.UUID, token: uuid.UUID) -> ColumnElement[bool]:
    return (WebhookEndpoint.id == endpoint_id) & (WebhookEndpoint.lease_token == token)


def lease_endpoint(db: Session, endpoint_id: uuid.UUID, token: uuid.UUID, ttl_s: float) -> bool:
    """Take an endpoint that nobody delivers to; says whether it could be."""
    taken = db.scalar(
        update(WebhookEndpoint)
        .where(
            WebhookEndpoint.id == endpoint_id,
            WebhookEndpoint.status == EndpointStatus.active,
            _UNHELD,
        )
        .values(lease_token=token, lease_expires_at=func.now() + timedelta(seconds=ttl_s))
        .returning(WebhookEndpoint.id)
    )
    return taken is not None


def renew_endpoint(db: Session, endpoint_id: uuid.UUID, token: uuid.UUID, ttl_s: float) -> bool:
    renewed = db.scalar(
        update(WebhookEndpoint)
        .where(_is_held(endpoint_id, token))
        .values(lease_expires_at=func.now() + timedelta(seconds=ttl_s))
        .returning(WebhookEndpoint.id)
    )
    return renewed is not None


def release_endpoint(db: Session, endpoint_id: uuid.UUID, token: uuid.UUID) -> None:
    db.execute(
        update(WebhookEndpoint)
        .where(_is_held(endpoint_id, token))
        .values(lease_token=None, lease_expires_at=None, nudged_at=None)
    )


def next_due(
    db: Session, endpoint_id: uuid.UUID, token: uuid.UUID
) -> tuple[WebhookEndpoint, WebhookDelivery] | None:
    """The earliest delivery that is due, if the lease is held. The endpoint's row stays locked."""
    held = db.scalar(
        select(WebhookEndpoint)
        .where(
            _is_held(endpoint_id, token),
            WebhookEndpoint.status == EndpointStatus.active,
            _MAY_BE_ASKED,
        )
        .with_for_update(key_share=True)
    )
    if held is None:
        return None
    due = db.scalar(
        select(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.status == DeliveryStatus.pending,
            WebhookDelivery.next_attempt_at <= func.now(),
        )
        .order_by(WebhookDelivery.number)
        .limit(1)
        .with_for_update()
    )
    return None if due is None else (held, due)


def begin_attempt(
    db: Session, endpoint: WebhookEndpoint, delivery: WebhookDelivery, delay: timedelta
) -> Begun:
    """Write an attempt down before it is made: one whose worker dies is followed by another."""
    event, project = db.execute(
        select(WebhookEvent, Project.name)
        .join(Project, Project.id == WebhookEvent.project_id)
        .where(WebhookEvent.id == delivery.event_id)
    ).one()
    at = db.scalar(select(func.now()))
    assert at is not None
    delivery.attempts += 1
    delivery.next_attempt_at = at + delay
    attempt = WebhookAttempt(delivery_id=delivery.id, number=delivery.attempts, at=at)
    db.add(attempt)
    db.flush()
    secrets = [endpoint.secret]
    if endpoint.previous_secret and (endpoint.previous_secret_until or at) > at:
        secrets.append(endpoint.previous_secret)
    return Begun(
        delivery_id=delivery.id,
        attempt_id=attempt.id,
        number=attempt.number,
        url=endpoint.url,
        secrets=secrets,
        message_id=event.id,
        event=event.event,
        created_at=event.created_at,
        project=project,
        data=event.data,
    )


def log_attempt(db: Session, attempt_id: int, outcome: Outcome) -> None:
    db.execute(
        update(WebhookAttempt)
        .where(WebhookAttempt.id == attempt_id)
        .values(
            ms=outcome.ms, status=outcome.status, answer=outcome.answer, problem=outcome.problem
        )
    )


def note_success(
    db: Session, endpoint_id: uuid.UUID, delivery_id: uuid.UUID, token: uuid.UUID
) -> None:
    """Whatever became of the lease, the receiver has it."""
    db.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(status=DeliveryStatus.delivered, ended_at=func.now())
    )
    db.execute(
        update(WebhookEndpoint)
        .where(_is_held(endpoint_id, token))
        .values(failures_in_a_row=0, failing_since=None, not_before=None)
    )


def note_failure(db: Session, delivery_id: uuid.UUID, number: int, delay: timedelta) -> None:
    """Plan the next attempt, or give up if that would be too late."""
    next_at = func.now() + delay
    this_one = (
        WebhookDelivery.id == delivery_id,
        WebhookDelivery.attempts == number,
        WebhookDelivery.status == DeliveryStatus.pending,
    )
    db.execute(
        update(WebhookDelivery)
        .where(*this_one, WebhookDelivery.gives_up_at < next_at)
        .values(status=DeliveryStatus.failed, ended_at=func.now())
    )
    db.execute(update(WebhookDelivery).where(*this_one).values(next_attempt_at=next_at))


def failures_in_a_row(db: Session, endpoint_id: uuid.UUID, token: uuid.UUID) -> int | None:
    """Before this one. None: the lease is gone."""
    return db.scalar(select(WebhookEndpoint.failures_in_a_row).where(_is_held(endpoint_id, token)))


def hold_back(db: Session, endpoint_id: uuid.UUID, token: uuid.UUID, delay: timedelta) -> None:
    """Ask an endpoint that failed nothing for a while."""
    db.execute(
        update(WebhookEndpoint)
        .where(_is_held(endpoint_id, token))
        .values(
            failures_in_a_row=WebhookEndpoint.failures_in_a_row + 1,
            failing_since=func.coalesce(WebhookEndpoint.failing_since, func.now()),
            not_before=func.now() + delay,
        )
    )


def pause_failing(
    db: Session, endpoint_id: uuid.UUID, token: uuid.UUID, *, gone: bool, patience: timedelta
) -> bool:
    """Pause an endpoint that is gone, or has failed for so long; says whether it was."""
    asked = update(WebhookEndpoint).where(_is_held(endpoint_id, token))
    if not gone:
        asked = asked.where(WebhookEndpoint.failing_since < func.now() - patience)
    paused = db.scalar(
        asked.values(
            status=EndpointStatus.paused,
            paused_because=PausedBecause.gone if gone else PausedBecause.failing,
            paused_at=func.now(),
        ).returning(WebhookEndpoint.id)
    )
    return paused is not None


# What the sweep looks for.


def forgotten_endpoints(db: Session, silent_s: float) -> Sequence[uuid.UUID]:
    """Endpoints with something due that nobody holds or was nudged about lately; marks them."""
    due = exists().where(
        WebhookDelivery.endpoint_id == WebhookEndpoint.id,
        WebhookDelivery.status == DeliveryStatus.pending,
        WebhookDelivery.next_attempt_at <= func.now(),
    )
    silent = or_(
        WebhookEndpoint.nudged_at.is_(None),
        WebhookEndpoint.nudged_at < func.now() - timedelta(seconds=silent_s),
    )
    return db.scalars(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.status == EndpointStatus.active, _UNHELD, _MAY_BE_ASKED, silent, due)
        .values(nudged_at=func.now())
        .returning(WebhookEndpoint.id)
    ).all()


def give_up_late(db: Session) -> None:
    """Give up what waited for too long, as with an endpoint that is paused."""
    db.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.status == DeliveryStatus.pending,
            WebhookDelivery.gives_up_at < func.now(),
        )
        .values(status=DeliveryStatus.failed, ended_at=func.now())
    )


def drop_old(db: Session, kept: timedelta, most: int) -> None:
    """Delete events of long ago, and with them their deliveries; at most so many at once."""
    old = (
        select(WebhookEvent.id)
        .where(WebhookEvent.created_at < func.now() - kept)
        .order_by(WebhookEvent.created_at)
        .limit(most)
    )
    db.execute(delete(WebhookEvent).where(WebhookEvent.id.in_(old)))
