from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Query

from app.access.guards import Engineer, Viewer
from app.access.idempotency import OnceOnly
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.evidence import requests, service
from app.evidence.errors import EvidenceRequestNotFound, ExampleNotFinite, NoEvidence
from app.evidence.new_inputs import InputInvalid
from app.evidence.schemas import EvidenceIn, EvidenceOut, EvidenceRequestOut, NewInputsIn
from app.reviews.errors import UnderBlindReview
from app.scans.errors import ClassUnknown, ScanNotComplete, ScanNotFound, ScoreNotFound
from app.scans.results import open_results
from app.schemas import Position

router = APIRouter(prefix="/scans", tags=["evidence"])

_PROBLEMS = problems(
    ScanNotFound, ScanNotComplete, ScoreNotFound, ClassUnknown, NoEvidence, ExampleNotFinite,
    UnderBlindReview,
)  # fmt: skip


@router.get(
    "/{scan_id}/scores/{position}/evidence", response_model=EvidenceOut, responses=_PROBLEMS
)
def evidence_of_example(
    scan_id: UUID,
    position: Position,
    caller: Viewer,
    db: ReadSession,
    k: int = Query(10, ge=1, le=1000, description="How many of each."),
    label: str | None = Query(None, description="Look only among examples given this class."),
) -> EvidenceOut:
    """The training examples that support an example's label, and those that oppose it."""
    return service.evidence_of(db, open_results(db, caller, scan_id), [position], k=k, label=label)


@router.post("/{scan_id}/evidence", response_model=EvidenceOut, responses=_PROBLEMS)
def evidence_of_set(
    scan_id: UUID, body: EvidenceIn, caller: Viewer, db: ReadSession
) -> EvidenceOut:
    """The same for a set of examples taken together."""
    found = open_results(db, caller, scan_id)
    return service.evidence_of(db, found, body.positions, k=body.k, label=body.label)


@router.post(
    "/{scan_id}/evidence/inputs",
    status_code=202,
    response_model=EvidenceRequestOut,
    responses=problems(ScanNotFound, ScanNotComplete, ClassUnknown, NoEvidence, InputInvalid),
)
def ask_about_inputs(
    scan_id: UUID, body: NewInputsIn, caller: Engineer, db: WriteSession, once: OnceOnly
) -> EvidenceRequestOut:
    """The same for inputs that are not in the dataset, each with a label to ask about.

    A worker computes their gradients: look at the answer until it is `done`.
    """
    found = open_results(db, caller, scan_id)
    return once.run(
        db,
        caller,
        EvidenceRequestOut,
        lambda: EvidenceRequestOut.model_validate(requests.ask_evidence(db, caller, found, body)),
    )


@router.get(
    "/{scan_id}/evidence/inputs/{request_id}",
    response_model=EvidenceRequestOut,
    responses=problems(ScanNotFound, ScanNotComplete, EvidenceRequestNotFound, UnderBlindReview),
)
def evidence_of_inputs(
    scan_id: UUID, request_id: UUID, caller: Viewer, db: ReadSession
) -> EvidenceRequestOut:
    """The answer, once it is `done`. Kept for a day."""
    found = open_results(db, caller, scan_id)
    return EvidenceRequestOut.model_validate(requests.get_evidence(db, found, request_id))
