"""A queue's own pages: its progress as it is made, what it found, and what a lead changes."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access.guards import FormEngineer, PageEngineer, PageViewer
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.formatting import shortened
from app.dashboard.frame import Place, page, project_url, with_query
from app.datasets.service import get_dataset
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.paging import cut_page, decode_cursor, parse_number
from app.reviews import outcome_queries, queues
from app.reviews.blindness import has_sight, require_sight
from app.reviews.items_view import WHICH_NAMES, AskedItems, ItemListing, Which, list_items
from app.reviews.lead_view import agreement_view, live_view, log_lines
from app.reviews.models import OrderBy, ReviewQueue
from app.reviews.queue_form import NOBODY_TICKED, FieldProblem, Problems, mixed_in, problems_of
from app.reviews.queue_schemas import AssignIn, MixingIn, ReprioritiseIn
from app.reviews.queue_view import queue_url
from app.reviews.settings_view import settings_view
from app.scans.results import Results, open_results

router = APIRouter(prefix="/queues/{queue_id}", include_in_schema=False)

_LINES_IN_A_PAGE = 50
_SAID = {
    "close": "The queue is closed: nothing is given out any more.",
    "reopen": "The queue is open again.",
    "order": "The items are ordered anew. What was decided stays.",
    "mixing": "What is mixed in is changed. What was drawn stays.",
    "people": "Who reviews is changed. It counts at once.",
}


def queue_answer(
    template: str, caller: Caller, queue: ReviewQueue, here: str, **values: Any
) -> Response:
    """A page of a queue, below its name and the way between its pages."""
    status = values.pop("status", 200)
    url = queue_url(caller, queue.id)
    crumbs = [Place("queues", f"{project_url(caller)}/queues")]
    crumbs += [Place(shortened(queue.name), url if here else None)]
    crumbs += [Place(here)] if here else []
    return page(
        template,
        title=f"{shortened(queue.name)}{f': {here}' if here else ''}",
        caller=caller,
        section="queues",
        crumbs=tuple(crumbs),
        status=status,
        queue=queue,
        base=url,
        here=here,
        is_engineer=caller.role.includes(Role.engineer),
        **values,
    )


@router.get("")
def queue_page(
    queue_id: UUID, caller: PageViewer, db: ReadSession, agreement: bool = False
) -> Response:
    """How far people agree takes a moment: a script asks for it after the page."""
    queue = queues.get_queue(db, caller, queue_id)
    dataset = get_dataset(db, caller, queue.dataset_id)
    return queue_answer(
        "reviews/queue.html",
        caller,
        queue,
        "",
        live=live_view(db, caller, queue, dataset),
        has_sight=has_sight(db, caller, queue.dataset_id),
        agreement=agreement_view(db, caller, queue) if agreement else None,
        events_url=f"/api/v1{queue_url(caller, queue_id)}/progress/events",
    )


@router.get("/live")
def queue_live(queue_id: UUID, caller: PageViewer, db: ReadSession) -> Response:
    """The part of the page that changes while people work."""
    queue = queues.get_queue(db, caller, queue_id)
    dataset = get_dataset(db, caller, queue.dataset_id)
    return page(
        "reviews/_live.html",
        title="",
        caller=caller,
        live=live_view(db, caller, queue, dataset),
    )


@router.get("/items")
def queue_items(queue_id: UUID, caller: PageViewer, db: ReadSession, asked: AskedItems) -> Response:
    """Raises ClassUnknown, CursorInvalid, UnderBlindReview."""
    queue = queues.get_queue(db, caller, queue_id)
    found = _results(db, caller, queue)
    base = queue_url(caller, queue_id)
    cards, following = list_items(db, caller, queue, found, asked, base)
    may_decide = caller.role.includes(Role.engineer) and queue.closed_at is None
    has_group = asked.given is not None and asked.which is Which.all
    return queue_answer(
        "reviews/items.html",
        caller,
        queue,
        "items",
        asked=asked,
        cards=cards,
        modality=found.dataset.modality or "table",
        classes=found.dataset.classes or [],
        tabs=[
            (name, asked.but(which=which, **_kept(which)).url(base), which is asked.which)
            for which, name in WHICH_NAMES.items()
        ],
        chips=_chips(asked, base),
        all_url=ItemListing().url(base),
        first_url=asked.but().url(base) if asked.after else None,
        next_url=asked.but(after=following).url(base) if following else None,
        bulk_url=with_query(f"{base}/bulk", given=asked.given, suggested=asked.suggested)
        if may_decide and has_group
        else None,
    )


def _results(db: Session, caller: Caller, queue: ReviewQueue) -> Results:
    return open_results(db, caller, queue.order_scan_id)


def _kept(which: Which) -> dict[str, Any]:
    """A verdict stays in the filter only where there is one; the disputed have no filter."""
    if which is Which.disputed:
        return {"given": None, "verdict": None, "suggested": None}
    return {} if which is Which.wrong else {"verdict": None}


def _chips(asked: ItemListing, base: str) -> list[tuple[str, str]]:
    chips = []
    for field, says in (("given", "given"), ("verdict", "found to be"), ("suggested", "suggested")):
        value = getattr(asked, field)
        if value is not None:
            chips.append((f"{says} {value}", asked.but(**{field: None}).url(base)))
    return chips


@router.get("/log")
def queue_log(
    queue_id: UUID,
    caller: PageViewer,
    db: ReadSession,
    who: UUID | None = None,
    after: str | None = None,
) -> Response:
    """Raises CursorInvalid, UnderBlindReview."""
    queue = queues.get_queue(db, caller, queue_id)
    require_sight(db, caller, queue.dataset_id)
    dataset = get_dataset(db, caller, queue.dataset_id)
    cursor = decode_cursor(after, parse_number)
    rows = outcome_queries.latest_verdicts(
        db, queue, person=who, before=cursor[0] if cursor else None, limit=_LINES_IN_A_PAGE + 1
    )
    shown, following = cut_page(rows, _LINES_IN_A_PAGE, lambda row: (row.id,))
    base = queue_url(caller, queue_id)
    url = f"{base}/log"
    return queue_answer(
        "reviews/log.html",
        caller,
        queue,
        "log",
        lines=log_lines(caller, queue, dataset, shown, base),
        people=outcome_queries.reviewers_named(db, queue_id),
        who=who,
        after=after,
        url=url,
        first_url=with_query(url, who=who) if after else None,
        next_url=with_query(url, who=who, after=following) if following else None,
    )


@router.get("/settings")
def queue_settings(
    queue_id: UUID, caller: PageEngineer, db: ReadSession, done: str = ""
) -> Response:
    return _settings_page(db, caller, queue_id, done=_SAID.get(done))


def _settings_page(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    *,
    done: str | None = None,
    problems: Problems | None = None,
    typed: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    queue = queues.get_queue(db, caller, queue_id)
    return queue_answer(
        "reviews/settings.html",
        caller,
        queue,
        "settings",
        view=settings_view(db, caller, queue, typed or {}),
        done=done,
        problems=problems or {},
        status=status,
    )


def _back(caller: Caller, queue_id: UUID, done: str) -> Response:
    return RedirectResponse(with_query(f"{queue_url(caller, queue_id)}/settings", done=done), 303)


@router.post("/close")
def close_queue(queue_id: UUID, caller: FormEngineer, db: WriteSession) -> Response:
    queues.close_queue(db, caller, queue_id)
    return _back(caller, queue_id, "close")


@router.post("/reopen")
def reopen_queue(queue_id: UUID, caller: FormEngineer, db: WriteSession) -> Response:
    queues.reopen_queue(db, caller, queue_id)
    return _back(caller, queue_id, "reopen")


@router.post("/order")
def order_queue(
    queue_id: UUID,
    caller: FormEngineer,
    db: WriteSession,
    scan: Annotated[UUID, Form()],
    order_by: Annotated[OrderBy, Form()],
) -> Response:
    """Raises QueueNotFound, ScanNotFound."""
    try:
        with db.begin_nested():
            body = ReprioritiseIn(scan_id=scan, order_by=order_by)
            queues.reprioritise_queue(db, caller, queue_id, body)
    except ProblemError as error:
        if error.status == 404:
            raise
        typed = {"scan": str(scan), "order_by": order_by.value}
        problems = {"order": next(iter(problems_of(error).values()))}
        return _settings_page(
            db, caller, queue_id, problems=problems, typed=typed, status=error.status
        )
    return _back(caller, queue_id, "order")


@router.post("/mixing")
def change_mixing(
    queue_id: UUID,
    caller: FormEngineer,
    db: WriteSession,
    audits: Annotated[str, Form(max_length=50)] = "0",
    canaries: Annotated[str, Form(max_length=50)] = "0",
) -> Response:
    """Raises QueueNotFound."""
    typed = {"audits": audits, "canaries": canaries}
    read = {name: mixed_in(text, name) for name, text in typed.items()}
    problems: Problems = {
        name: value for name, value in read.items() if isinstance(value, FieldProblem)
    }
    if problems:
        return _settings_page(db, caller, queue_id, problems=problems, typed=typed, status=422)
    try:
        with db.begin_nested():
            queues.change_mixing(db, caller, queue_id, MixingIn.model_validate(read))
    except ProblemError as error:
        if error.status == 404:
            raise
        problems, status = problems_of(error), error.status
        return _settings_page(db, caller, queue_id, problems=problems, typed=typed, status=status)
    return _back(caller, queue_id, "mixing")


_Ticked = Annotated[list[UUID], Form()]


@router.post("/people")
def assign_queue(
    queue_id: UUID,
    caller: FormEngineer,
    db: WriteSession,
    who: Annotated[str, Form(max_length=10)] = "all",
    reviewers: _Ticked = [],  # noqa: B006 - FastAPI copies it
    adjudicators: _Ticked = [],  # noqa: B006
    reviewer_groups: _Ticked = [],  # noqa: B006
    adjudicator_groups: _Ticked = [],  # noqa: B006
) -> Response:
    """Raises QueueNotFound."""
    is_chosen = who == "chosen"
    ticked = {
        "reviewers": reviewers,
        "adjudicators": adjudicators,
        "reviewer_groups": reviewer_groups,
        "adjudicator_groups": adjudicator_groups,
    }
    typed = {"who": who, **ticked}
    problems: Problems = {}
    if is_chosen and not (reviewers or reviewer_groups):
        problems["reviewers"] = NOBODY_TICKED
        return _settings_page(db, caller, queue_id, problems=problems, typed=typed, status=422)
    if not is_chosen:
        ticked |= {"reviewers": [], "reviewer_groups": []}
    try:
        with db.begin_nested():
            queues.assign_queue(db, caller, queue_id, AssignIn.model_validate(ticked))
    except ProblemError as error:
        if error.status == 404:
            raise
        problems, status = problems_of(error), error.status
        return _settings_page(db, caller, queue_id, problems=problems, typed=typed, status=status)
    return _back(caller, queue_id, "people")
