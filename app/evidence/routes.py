from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Query

from app.access.guards import Viewer
from app.db import ReadSession
from app.errors import problems
from app.evidence import service
from app.evidence.errors import ExampleNotFinite, NoEvidence
from app.evidence.schemas import EvidenceIn, EvidenceOut
from app.scans.errors import ClassUnknown, ScanNotComplete, ScanNotFound, ScoreNotFound
from app.scans.results import open_results

router = APIRouter(prefix="/scans", tags=["evidence"])

_PROBLEMS = problems(
    ScanNotFound, ScanNotComplete, ScoreNotFound, ClassUnknown, NoEvidence, ExampleNotFinite
)


@router.get(
    "/{scan_id}/scores/{position}/evidence", response_model=EvidenceOut, responses=_PROBLEMS
)
def evidence_of_example(
    scan_id: UUID,
    position: int,
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
