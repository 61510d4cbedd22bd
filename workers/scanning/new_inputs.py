"""Evidence for inputs that are not in the dataset: their sketches, then the usual search."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np

from app.db import reading
from app.evidence.errors import ExampleNotFinite
from app.evidence.models import EvidenceRequest
from app.evidence.new_inputs import rows_of
from app.evidence.schemas import EvidenceOut, NewInputsIn, NewInputsResult
from app.evidence.service import nearest
from app.scans import job_queries as queries
from app.scans.results import Results
from workers.leases import Heartbeat
from workers.scanning.parts import parts_of_scan, store_of
from workers.scanning.session import open_session
from workers.small_jobs import run_small_job


def run_evidence_request(request_id: UUID) -> None:
    """Answer a question. Safe to call at any time and any number of times."""
    run_small_job(
        EvidenceRequest,
        request_id,
        "Looking for evidence",
        lambda request, _, heartbeat: _answer(request, heartbeat),
    )


def _answer(request: EvidenceRequest, heartbeat: Heartbeat) -> dict[str, Any]:
    with reading() as db:
        scan = queries.scan_by_id(db, request.scan_id)
    assert scan is not None, "a request goes with its scan"
    _, dataset, _ = parts_of_scan(scan)
    body = NewInputsIn.model_validate(request.request)
    rows = rows_of(body.inputs, store_of(dataset).meta)
    sketches = open_session(scan).sketch(rows, scan.weighting)
    heartbeat.check()
    found = Results(scan, dataset)
    answers = [_one(found, sketch, body, at) for at, sketch in enumerate(sketches)]
    return NewInputsResult(inputs=answers).model_dump(mode="json")


def _one(found: Results, sketch: np.ndarray, body: NewInputsIn, at: int) -> EvidenceOut:
    if not np.isfinite(sketch).all():
        raise ExampleNotFinite(
            f"The gradient of input {at} is not finite.",
            field=f"inputs.{at}",
            remedy="Look for broken values in it.",
        )
    with reading() as db:
        return nearest(db, found, sketch, k=body.k, label=body.label)
