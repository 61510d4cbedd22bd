from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from sse_starlette import EventSourceResponse

from app.access.guards import Viewer
from app.db import ReadSession
from app.errors import problems
from app.reviews import events, figures
from app.reviews.errors import QueueNotFound, UnderBlindReview
from app.reviews.figure_schemas import AgreementOut, ProgressOut, ReviewerOut
from app.reviews.queues import get_queue

router = APIRouter(prefix="/queues/{queue_id}", tags=["reviews"])


@router.get("/progress", response_model=ProgressOut, responses=problems(QueueNotFound))
def queue_progress(queue_id: UUID, caller: Viewer, db: ReadSession) -> ProgressOut:
    """How far the queue is, and what the caller did. Cheap at any size."""
    return figures.queue_progress(db, caller, queue_id)


@router.get(
    "/progress/events",
    response_class=EventSourceResponse,
    responses=problems(QueueNotFound) | {200: {"content": {"text/event-stream": {}}}},
)
def watch_queue(queue_id: UUID, caller: Viewer, db: ReadSession) -> EventSourceResponse:
    """Server-sent events: `progress` at each change."""
    get_queue(db, caller, queue_id)  # an unknown queue is a 404, not an empty stream
    return events.stream(caller, queue_id)


@router.get("/reviewers", response_model=list[ReviewerOut], responses=problems(QueueNotFound))
def list_reviewers(queue_id: UUID, caller: Viewer, db: ReadSession) -> list[ReviewerOut]:
    """Who works at the queue, and at what pace."""
    return figures.list_reviewers(db, caller, queue_id)


@router.get(
    "/agreement", response_model=AgreementOut, responses=problems(QueueNotFound, UnderBlindReview)
)
def queue_agreement(queue_id: UUID, caller: Viewer, db: ReadSession) -> AgreementOut:
    """How far people agree where several decided the same item."""
    return figures.queue_agreement(db, caller, queue_id)
