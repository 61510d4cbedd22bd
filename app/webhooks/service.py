"""What other rooms ask of webhooks: to tell of an event."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.nudges import nudge
from app.webhooks import queries
from app.webhooks.events import PAYLOAD_OF, Event, Payload
from app.webhooks.models import WebhookEvent

PATIENCE = timedelta(days=1)
"""So long a delivery is tried."""


def emit(db: Session, project_id: UUID, event: Event, payload: Payload) -> None:
    """Tell a project's endpoints of an event, in the transaction of the change itself.

    So what is told has happened, and what has happened is told, whoever dies meanwhile. Deliveries
    begin after the commit.

    Args:
        payload: of the class that the event carries, `events.PAYLOAD_OF[event]`.
    """
    assert isinstance(payload, PAYLOAD_OF[event]), (event, payload)
    endpoint_ids = queries.subscribed(db, project_id, event)
    if not endpoint_ids:
        return
    happened = WebhookEvent(
        project_id=project_id, event=event.value, data=payload.model_dump(mode="json")
    )
    db.add(happened)
    db.flush()
    queries.add_deliveries(db, happened.id, endpoint_ids, PATIENCE)
    for endpoint_id in endpoint_ids:
        nudge(db, "webhooks.deliver", endpoint_id)
