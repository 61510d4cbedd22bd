"""The dashboard's pages of verdicts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from app.access.guards import FormEngineer, PageViewer
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.frame import Place, page, project_url, with_query
from app.datasets.service import get_dataset
from app.db import ReadSession, WriteSession
from app.gates import service
from app.gates.downloads import download, report_names
from app.gates.evaluation_view import evaluation_view, evaluations_url, gates_url
from app.gates.follow_up import queue_of_open_flags
from app.gates.policies_view import evaluation_rows
from app.paging import decode_time_cursor
from app.schemas import Text

router = APIRouter(prefix="/gate-evaluations", include_in_schema=False)

_IN_A_PAGE = 30


@router.get("")
def list_evaluations(
    caller: PageViewer,
    db: ReadSession,
    dataset: UUID | None = None,
    gate: Annotated[Text | None, Query()] = None,
    after: str | None = None,
) -> Response:
    rows, following = service.list_evaluations(
        db,
        caller,
        dataset_id=dataset,
        gate=gate,
        after=decode_time_cursor(after),
        limit=_IN_A_PAGE,
    )
    of = None if dataset is None else get_dataset(db, caller, dataset)
    url = evaluations_url(caller)
    check_url = with_query(f"{gates_url(caller)}/check", dataset=dataset, gate=gate)
    return page(
        "gates/evaluations.html",
        title="Verdicts",
        caller=caller,
        section="gates",
        crumbs=_crumbs(caller, Place("verdicts")),
        rows=evaluation_rows(db, caller, rows),
        of=" and ".join(filter(None, [gate, None if of is None else f"{of.name} {of.version}"])),
        check_url=check_url if caller.role.includes(Role.engineer) else None,
        all_url=url if dataset or gate else None,
        first_url=with_query(url, dataset=dataset, gate=gate) if after else None,
        next_url=with_query(url, dataset=dataset, gate=gate, after=following)
        if following
        else None,
    )


def _crumbs(caller: Caller, *steps: Place) -> tuple[Place, ...]:
    return (Place("gates", gates_url(caller)), *steps)


@router.get("/{evaluation_id}")
def evaluation_page(evaluation_id: UUID, caller: PageViewer, db: ReadSession) -> Response:
    """Raises EvaluationNotFound, UnderBlindReview."""
    found = service.explain(db, caller, evaluation_id)
    view = evaluation_view(db, caller, found)
    dataset = get_dataset(db, caller, found.evaluation.dataset.id)
    return page(
        "gates/evaluation.html",
        title=view.title,
        caller=caller,
        section="gates",
        crumbs=_crumbs(caller, Place(view.policy, view.policy_url), Place(f"on {view.on}")),
        view=view,
        reports=report_names(dataset, found.evaluation),
    )


@router.get("/{evaluation_id}/reports/{name}")
def evaluation_report(
    evaluation_id: UUID, name: str, caller: PageViewer, db: ReadSession
) -> Response:
    """Raises EvaluationNotFound, UnderBlindReview, ReportUnknown, NoPicture."""
    return download(db, caller, service.get_evaluation(db, caller, evaluation_id), name)


@router.post("/{evaluation_id}/queue")
def make_queue(evaluation_id: UUID, caller: FormEngineer, db: WriteSession) -> Response:
    """Raises EvaluationNotFound, NothingToReview, QueueExists."""
    queue = queue_of_open_flags(db, caller, evaluation_id)
    return RedirectResponse(f"{project_url(caller)}/queues/{queue.id}", 303)
