"""Evidence for inputs that are not in the dataset: asked for here, found by a worker."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.datasets.content import open_store
from app.db import new_id, now
from app.evidence import queries
from app.evidence.errors import EvidenceRequestNotFound
from app.evidence.models import EvidenceRequest
from app.evidence.new_inputs import rows_of
from app.evidence.schemas import NewInputsIn
from app.evidence.service import sketches_of
from app.jobs.service import forget_old
from app.nudges import nudge
from app.scans.results import Results


def ask_evidence(db: Session, caller: Caller, found: Results, body: NewInputsIn) -> EvidenceRequest:
    """Queue the question.

    Raises:
        NoEvidence, ClassUnknown
        InputInvalid: an input is not like the dataset's examples.
    """
    sketches_of(found)
    found.label_index(body.label, "label")
    rows_of(body.inputs, open_store(found.dataset).meta)
    forget_old(db, EvidenceRequest, caller.project_id)
    request = EvidenceRequest(
        id=new_id(),
        project_id=caller.project_id,
        scan_id=found.scan.id,
        request=body.model_dump(mode="json"),
        created_by=caller.label,
        nudged_at=now(),
    )
    db.add(request)
    db.flush()
    nudge(db, "scans.evidence", request.id)
    return request


def get_evidence(db: Session, found: Results, request_id: UUID) -> EvidenceRequest:
    request = queries.request(db, found.scan.id, request_id)
    if request is None:
        raise EvidenceRequestNotFound(
            f"The scan has no question {request_id}.",
            field="request_id",
            remedy="Questions are kept for a day. Ask again: POST …/evidence/inputs.",
        )
    return request
