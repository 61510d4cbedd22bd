from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Query
from sse_starlette import EventSourceResponse

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.datasets.errors import DatasetNotReady, ExampleNotFound
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.reviews.errors import UnderBlindReview
from app.runs.errors import RunNotFound
from app.scans import events, results, service
from app.scans.errors import (
    CheckpointUnusable,
    ClassUnknown,
    NoCheckpoints,
    ScanFinished,
    ScanNotComplete,
    ScanNotFound,
    ScanNotRetriable,
    ScoreNotFound,
)
from app.scans.schemas import FlagOut, Order, ScanIn, ScanOut, ScoreOut
from app.schemas import Page, Position, Text

router = APIRouter(prefix="/scans", tags=["scans"])


@router.post(
    "",
    status_code=201,
    response_model=ScanOut,
    responses=problems(RunNotFound, DatasetNotReady, NoCheckpoints, CheckpointUnusable),
)
def start_scan(body: ScanIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> ScanOut:
    """Score a run's dataset and flag likely mislabelled examples. Runs in the background."""
    return once.run(
        db,
        caller,
        ScanOut,
        lambda: service.describe_scan(db, service.start_scan(db, caller, body)),
    )


@router.get("", response_model=Page[ScanOut])
def list_scans(
    caller: Viewer,
    db: ReadSession,
    dataset_id: UUID | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[ScanOut]:
    """The project's scans, newest first."""
    items, following = service.list_scans(
        db, caller, dataset_id=dataset_id, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=service.describe_scans(db, items), next=following)


@router.get("/{scan_id}", response_model=ScanOut, responses=problems(ScanNotFound))
def get_scan(scan_id: UUID, caller: Viewer, db: ReadSession) -> ScanOut:
    """State, progress, speed and time left; the summary once complete."""
    return service.describe_scan(db, service.get_scan(db, caller, scan_id))


@router.get(
    "/{scan_id}/events",
    response_class=EventSourceResponse,
    responses=problems(ScanNotFound) | {200: {"content": {"text/event-stream": {}}}},
)
def watch_scan(scan_id: UUID, caller: Viewer, db: ReadSession) -> EventSourceResponse:
    """Server-sent events: `progress` at each change, `end` once the scan is over."""
    service.get_scan(db, caller, scan_id)  # an unknown scan is a 404, not an empty stream
    return events.stream(caller, scan_id)


@router.post(
    "/{scan_id}/cancel", response_model=ScanOut, responses=problems(ScanNotFound, ScanFinished)
)
def cancel_scan(scan_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly) -> ScanOut:
    return once.run(
        db,
        caller,
        ScanOut,
        lambda: service.describe_scan(db, service.cancel_scan(db, caller, scan_id)),
    )


@router.post(
    "/{scan_id}/retry",
    response_model=ScanOut,
    responses=problems(ScanNotFound, ScanNotRetriable),
)
def retry_scan(scan_id: UUID, caller: Engineer, db: WriteSession, once: OnceOnly) -> ScanOut:
    """Go on with a failed or cancelled scan: what was done stays done."""
    return once.run(
        db,
        caller,
        ScanOut,
        lambda: service.describe_scan(db, service.retry_scan(db, caller, scan_id)),
    )


_RESULT_PROBLEMS = problems(ScanNotFound, ScanNotComplete, ClassUnknown, UnderBlindReview)


@router.get("/{scan_id}/scores", response_model=Page[ScoreOut], responses=_RESULT_PROBLEMS)
def list_scores(
    scan_id: UUID,
    caller: Viewer,
    db: ReadSession,
    order: Order = Order.rank,
    label: str | None = Query(None, description="Only examples given this class."),
    predicted: str | None = Query(None, description="Only examples predicted this class."),
    finite: bool | None = Query(
        None, description="`false`, with order `position`: examples whose scores are not finite."
    ),
    flagged: bool | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[ScoreOut]:
    """Every example's scores, the most suspicious first by the chosen order."""
    items, following = results.list_scores(
        db,
        results.open_results(db, caller, scan_id),
        order=order,
        label=label,
        predicted=predicted,
        finite=finite,
        flagged=flagged,
        after=after,
        limit=limit,
    )
    return Page(items=items, next=following)


@router.get("/{scan_id}/flags", response_model=Page[FlagOut], responses=_RESULT_PROBLEMS)
def list_flags(
    scan_id: UUID,
    caller: Viewer,
    db: ReadSession,
    label: str | None = Query(None, description="Only examples given this class."),
    suggested: str | None = Query(None, description="Only examples with this suggestion."),
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[FlagOut]:
    """Examples that the policy holds for likely mislabelled, the most suspicious first."""
    items, following = results.list_flags(
        db,
        results.open_results(db, caller, scan_id),
        label=label,
        suggested=suggested,
        after=after,
        limit=limit,
    )
    return Page(items=items, next=following)


@router.get(
    "/{scan_id}/scores/{position}",
    response_model=ScoreOut,
    responses=problems(ScanNotFound, ScanNotComplete, ScoreNotFound, UnderBlindReview),
)
def get_score(scan_id: UUID, position: Position, caller: Viewer, db: ReadSession) -> ScoreOut:
    """One example with all its scores."""
    return results.get_score(db, results.open_results(db, caller, scan_id), position)


@router.get(
    "/{scan_id}/scores-by-key",
    response_model=ScoreOut,
    responses=problems(ScanNotFound, ScanNotComplete, ExampleNotFound, UnderBlindReview),
)
def get_score_by_key(scan_id: UUID, key: Text, caller: Viewer, db: ReadSession) -> ScoreOut:
    """One example with all its scores, by your own key."""
    return results.get_score_by_key(db, results.open_results(db, caller, scan_id), key)
