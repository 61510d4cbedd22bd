from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.datasets.content import NoPicture
from app.datasets.errors import DatasetNotFound, DatasetNotReady
from app.datasets.example_store import StoreUnreadable
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.gates import service
from app.gates.downloads import pictures_of
from app.gates.errors import CheckInvalid, EvaluationNotFound, GateNotFound
from app.gates.schemas import (
    CheckIn,
    EvaluationOut,
    EvaluationRow,
    ExplanationOut,
    GateIn,
    GateOut,
)
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.reviews.errors import UnderBlindReview
from app.scans.errors import ScanNotFound
from app.schemas import Page, Text

router = APIRouter(tags=["gates"])

GateName = Annotated[Text | None, Query(description="Only those of this name.")]


@router.post("/gates", status_code=201, response_model=GateOut)
def store_gate(body: GateIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> GateOut:
    """Store a policy as the next version of its name. The same text again is the same version."""
    return once.run(db, caller, GateOut, lambda: service.store_policy(db, caller, body.policy))


@router.get("/gates", response_model=Page[GateOut])
def list_gates(
    caller: Viewer,
    db: ReadSession,
    name: GateName = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[GateOut]:
    """The project's policies in all their versions, the newest first."""
    items, following = service.list_policies(
        db, caller, name=name, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=items, next=following)


@router.get("/gates/{gate_id}", response_model=GateOut, responses=problems(GateNotFound))
def get_gate(gate_id: UUID, caller: Viewer, db: ReadSession) -> GateOut:
    return service.get_policy(db, caller, gate_id)


@router.post(
    "/gate-evaluations",
    status_code=201,
    response_model=EvaluationOut,
    responses=problems(GateNotFound, ScanNotFound, DatasetNotFound, CheckInvalid, StoreUnreadable),
)
def check_gate(body: CheckIn, caller: Engineer, db: WriteSession, once: OnceOnly) -> EvaluationOut:
    """Hold a dataset version against a policy. What cannot be measured never passes."""
    return once.run(db, caller, EvaluationOut, lambda: service.check(db, caller, body))


@router.get("/gate-evaluations", response_model=Page[EvaluationRow])
def list_evaluations(
    caller: Viewer,
    db: ReadSession,
    dataset_id: UUID | None = None,
    gate: GateName = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> Page[EvaluationRow]:
    """Verdicts, the newest first."""
    items, following = service.list_evaluations(
        db, caller, dataset_id=dataset_id, gate=gate, after=decode_time_cursor(after), limit=limit
    )
    return Page(items=items, next=following)


_ONE = problems(EvaluationNotFound, UnderBlindReview)


@router.get("/gate-evaluations/{evaluation_id}", response_model=EvaluationOut, responses=_ONE)
def get_evaluation(evaluation_id: UUID, caller: Viewer, db: ReadSession) -> EvaluationOut:
    """A verdict, as it was given."""
    return service.get_evaluation(db, caller, evaluation_id)


@router.get(
    "/gate-evaluations/{evaluation_id}/explanation",
    response_model=ExplanationOut,
    responses=_ONE,
)
def explain_evaluation(evaluation_id: UUID, caller: Viewer, db: ReadSession) -> ExplanationOut:
    """A verdict with all that it depends on, and whether it is the same when given again."""
    return service.explain(db, caller, evaluation_id)


@router.get(
    "/gate-evaluations/{evaluation_id}/pictures",
    response_class=Response,
    responses=problems(EvaluationNotFound, UnderBlindReview, NoPicture, DatasetNotReady)
    | {200: {"content": {"image/png": {}}}},
)
def get_pictures(evaluation_id: UUID, caller: Viewer, db: ReadSession) -> Response:
    """The worst examples of an image dataset as one picture, numbered from 1, for reports."""
    found = service.get_evaluation(db, caller, evaluation_id)
    return Response(
        pictures_of(db, caller, found),
        media_type="image/png",
        headers={"Cache-Control": "private, max-age=3600"},
    )
