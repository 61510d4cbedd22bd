"""The page on which a reviewer works, and the parts that it fetches ahead."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.orm import Session

from app.access.guards import PageReviewer, PageViewer
from app.access.service import Caller
from app.dashboard.formatting import shortened
from app.dashboard.frame import page, project_url
from app.datasets.models import Task
from app.db import ReadSession
from app.evidence.service import has_evidence
from app.evidence.view import evidence_view
from app.reviews.blindness import require_own, require_sight
from app.reviews.claims import MOST_AT_ONCE
from app.reviews.models import ReviewQueue
from app.reviews.queues import get_queue
from app.reviews.review_view import (
    ItemView,
    MayDo,
    counts_of,
    item_views,
    may_do,
    queue_url,
)
from app.reviews.verdicts import item_not_found
from app.scans.results import Results, get_score, results_of_scan

router = APIRouter(prefix="/queues/{queue_id}", include_in_schema=False)

Position = Annotated[int, Path(ge=0, le=2**31 - 1)]
Positions = Annotated[list[int] | None, Query(max_length=MOST_AT_ONCE)]


def _opened(db: Session, caller: Caller, queue_id: UUID) -> tuple[ReviewQueue, Results]:
    """A queue, with the results that order it now."""
    queue = get_queue(db, caller, queue_id)
    return queue, results_of_scan(db, caller, queue.order_scan_id)


@router.get("/review")
def review_page(
    queue_id: UUID, caller: PageReviewer, db: ReadSession, adjudicate: bool = False
) -> Response:
    """Gives out nothing itself: its script claims, so that looking at an address takes nothing."""
    queue, found = _opened(db, caller, queue_id)
    return _page(db, caller, queue, found, adjudicate=adjudicate, start=None)


@router.get("/items/{position}")
def item_page(
    queue_id: UUID,
    position: Position,
    caller: PageViewer,
    db: ReadSession,
    adjudicate: bool = False,
) -> Response:
    """One item: to look at, and to decide for whoever may."""
    queue, found = _opened(db, caller, queue_id)
    require_own(db, caller, queue, position)
    views = item_views(db, caller, queue, found, [position])
    if not views:
        raise item_not_found(position)
    return _page(db, caller, queue, found, adjudicate=adjudicate, start=views[0])


def _page(
    db: Session,
    caller: Caller,
    queue: ReviewQueue,
    found: Results,
    *,
    adjudicate: bool,
    start: ItemView | None,
) -> Response:
    may = may_do(db, caller, queue)
    title = f"Review {queue.name}"
    if start is not None:
        title = f"Item {shortened(start.key)} of {queue.name}"
    return page(
        "reviews/review.html",
        title=title,
        caller=caller,
        section="queues",
        queue=queue,
        queue_url=queue_url(caller, queue),
        api_url=f"/api/v1{project_url(caller)}/queues/{queue.id}",
        adjudicate=adjudicate,
        refusal=_refusal(queue, may, adjudicate=adjudicate),
        start=start,
        classes=None if found.dataset.task == Task.regression else found.dataset.classes or [],
        counts=counts_of(db, caller, queue),
    )


def _refusal(queue: ReviewQueue, may: MayDo, *, adjudicate: bool) -> str | None:
    """Why the caller can decide nothing here, if so."""
    if queue.closed_at is not None:
        return "This queue is closed: nothing is given out any more."
    if adjudicate and not may.adjudicates:
        return "Only adjudicators settle disagreement. Ask an engineer to name you one."
    if not adjudicate and not may.reviews:
        return "This queue is not yours to review. Ask an engineer to assign you."
    return None


@router.get("/parts")
def item_parts(
    queue_id: UUID, caller: PageViewer, db: ReadSession, position: Positions = None
) -> Response:
    """Items as parts of the page, with the queue's counts; those it has not are left out."""
    queue, found = _opened(db, caller, queue_id)
    return page(
        "reviews/_parts.html",
        title="",
        caller=caller,
        items=item_views(db, caller, queue, found, position or []),
        counts=counts_of(db, caller, queue),
    )


@router.get("/items/{position}/evidence")
def item_evidence(
    queue_id: UUID, position: Position, caller: PageViewer, db: ReadSession
) -> Response:
    """What the training data says of an item, as a part of the page."""
    queue, found = _opened(db, caller, queue_id)
    require_sight(db, caller, queue.dataset_id)
    url = f"{project_url(caller)}/scans/{found.scan.id}"
    seen = None
    # The opponents of a wrong label mostly bear the suggested one.
    if queue.show_suggestion and has_evidence(found):
        seen = evidence_view(db, caller, found, get_score(db, found, position), url, "")
    return page("reviews/_evidence_part.html", title="", caller=caller, evidence=seen)
