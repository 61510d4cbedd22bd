"""The webhooks of a project and what was sent to them, for its admins."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access.guards import FormAdmin, PageAdmin
from app.access.service import Caller
from app.dashboard.frame import Place, page, project_url, with_query
from app.db import ReadSession, WriteSession, reading, transaction
from app.errors import ProblemError
from app.paging import decode_time_cursor
from app.webhooks import endpoints, log
from app.webhooks.errors import TooManyWebhooks, WebhookAddressInvalid, WebhooksUnavailable
from app.webhooks.events import Event
from app.webhooks.models import DeliveryStatus, EndpointStatus

router = APIRouter(prefix="/webhooks", include_in_schema=False)
_DELIVERIES_SHOWN = 20
_ATTEMPTS_SHOWN = 10
_REFRESH_S = 1
_SAID = {
    "changed": "The webhook is changed.",
    "paused": "The webhook is paused. What happens now waits for it, up to a day.",
    "resumed": "The webhook is active again. What waited is sent first.",
    "ping": "A test message is on its way.",
    "again": "The message is on its way again.",
    "deleted": "The webhook is deleted.",
}
_ON_ITS_WAY = {"ping", "again"}
_WHEN = {
    Event.scan_complete: "a scan's results are there",
    Event.scan_failed: "a scan has failed",
    Event.scan_cancelled: "somebody cancelled a scan",
    Event.queue_empty: "all of a review queue is decided",
    Event.queue_disagreement: "reviewers disagree on an item",
}
_WHY_PAUSED = {
    "asked": "An admin paused this webhook.",
    "gone": "The receiver answered 410 Gone: it does not want messages any more.",
    "failing": "Every attempt of three days failed.",
}

Url = Annotated[str, Form(max_length=4000, pattern=r"^[^\x00]*$")]
Chosen = Annotated[list[Event] | None, Form()]


@router.get("")
def list_webhooks(
    caller: PageAdmin, db: ReadSession, after: str | None = None, done: str = ""
) -> Response:
    return _list_page(db, caller, after=after, done=_SAID.get(done))


@router.post("")
def create_webhook(caller: FormAdmin, url: Url = "", events: Chosen = None) -> Response:
    """The secret is shown by this answer and never again, so no other page follows."""
    try:
        with transaction() as db:
            made = endpoints.register(db, caller, url=url, events=events)
    except (WebhookAddressInvalid, TooManyWebhooks, WebhooksUnavailable) as error:
        with reading() as db:
            return _list_page(db, caller, problem=error, url=url, chosen=events)
    with reading() as db:
        return _one_page(db, caller, made.endpoint.id, secret=made.secret)


@router.get("/{webhook_id}")
def show_webhook(
    webhook_id: UUID,
    caller: PageAdmin,
    db: ReadSession,
    after: str | None = None,
    done: str = "",
) -> Response:
    """Raises WebhookNotFound."""
    return _one_page(db, caller, webhook_id, after=after, done=done)


@router.post("/{webhook_id}/change")
def change_webhook(
    webhook_id: UUID, caller: FormAdmin, url: Url = "", events: Chosen = None
) -> Response:
    """Raises WebhookNotFound."""
    try:
        with transaction() as db:
            endpoints.change(db, caller, webhook_id, url=url, events=events)
    except WebhookAddressInvalid as error:
        with reading() as db:
            return _one_page(db, caller, webhook_id, problem=error, url=url, chosen=events)
    return _back(caller, webhook_id, "changed")


@router.post("/{webhook_id}/pause")
def pause(webhook_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises WebhookNotFound."""
    endpoints.pause(db, caller, webhook_id)
    return _back(caller, webhook_id, "paused")


@router.post("/{webhook_id}/resume")
def resume(webhook_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises WebhookNotFound."""
    endpoints.resume(db, caller, webhook_id)
    return _back(caller, webhook_id, "resumed")


@router.post("/{webhook_id}/ping")
def ping(webhook_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises WebhookNotFound, WebhookPaused."""
    endpoints.ping(db, caller, webhook_id)
    return _back(caller, webhook_id, "ping")


@router.post("/{webhook_id}/secret")
def rotate_secret(webhook_id: UUID, caller: FormAdmin) -> Response:
    """Raises WebhookNotFound, WebhooksUnavailable."""
    with transaction() as db:
        made = endpoints.rotate_secret(db, caller, webhook_id)
    with reading() as db:
        return _one_page(db, caller, webhook_id, secret=made.secret)


@router.post("/{webhook_id}/delete")
def delete(webhook_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises WebhookNotFound."""
    endpoints.delete(db, caller, webhook_id)
    return RedirectResponse(with_query(_url(caller), done="deleted"), 303)


@router.post("/{webhook_id}/deliveries/{delivery_id}/send-again")
def send_again(
    webhook_id: UUID, delivery_id: UUID, caller: FormAdmin, db: WriteSession
) -> Response:
    """Raises WebhookNotFound, DeliveryNotFound, WebhookPaused."""
    log.send_again(db, caller, webhook_id, delivery_id)
    return _back(caller, webhook_id, "again")


def _url(caller: Caller) -> str:
    return f"{project_url(caller)}/webhooks"


def _back(caller: Caller, webhook_id: UUID, done: str) -> Response:
    return RedirectResponse(with_query(f"{_url(caller)}/{webhook_id}", done=done), 303)


def _form(
    problem: ProblemError | None, url: str, chosen: list[Event] | list[str] | None
) -> dict[str, Any]:
    return {
        "problem": None if problem is None else {"remedy": None} | problem.as_problem(),
        "url": url,
        "events": [(event.value, when, event in (chosen or [])) for event, when in _WHEN.items()],
    }


def _list_page(
    db: Session,
    caller: Caller,
    *,
    after: str | None = None,
    done: str | None = None,
    problem: ProblemError | None = None,
    url: str = "",
    chosen: list[Event] | None = None,
) -> Response:
    rows, following = endpoints.list_endpoints(
        db, caller, after=decode_time_cursor(after), limit=endpoints.MOST
    )
    return page(
        "webhooks/list.html",
        title="Webhooks",
        caller=caller,
        section="people",
        status=200 if problem is None else problem.status,
        rows=rows,
        first_url=_url(caller) if after else None,
        next_url=with_query(_url(caller), after=following) if following else None,
        done=done,
        form=_form(problem, url, chosen),
    )


def _one_page(
    db: Session,
    caller: Caller,
    webhook_id: UUID,
    *,
    after: str | None = None,
    done: str = "",
    secret: str | None = None,
    problem: ProblemError | None = None,
    url: str = "",
    chosen: list[Event] | None = None,
) -> Response:
    endpoint = endpoints.get_endpoint(db, caller, webhook_id)
    rows, following = log.list_deliveries(
        db, caller, webhook_id, after=after, limit=_DELIVERIES_SHOWN, attempts=_ATTEMPTS_SHOWN
    )
    here = f"{_url(caller)}/{webhook_id}"
    active = endpoint.status == EndpointStatus.active
    waits = any(
        each.delivery.status == DeliveryStatus.pending and not each.attempts for each in rows
    )
    asked = (url, chosen) if problem else (endpoint.url, endpoint.events)
    return page(
        "webhooks/webhook.html",
        title="Webhook",
        caller=caller,
        section="people",
        crumbs=(Place("Webhooks", _url(caller)), Place(endpoint.url)),
        refresh_s=_REFRESH_S if active and waits and done in _ON_ITS_WAY else None,
        status=200 if problem is None else problem.status,
        endpoint=endpoint,
        active=active,
        why_paused=_WHY_PAUSED.get(endpoint.paused_because or ""),
        here=here,
        deliveries=rows,
        first_url=here if after else None,
        next_url=with_query(here, after=following) if following else None,
        done=_SAID.get(done),
        secret=secret,
        form=_form(problem, *asked),
    )
