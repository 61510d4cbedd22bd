"""Storing policies, and holding dataset versions against them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.datasets.models import Dataset, DatasetStatus
from app.datasets.service import get_dataset
from app.db import new_id, now
from app.gates import queries
from app.gates.errors import CheckInvalid, EvaluationNotFound, GateNotFound
from app.gates.evaluate import evaluate
from app.gates.facts import Facts, Inputs
from app.gates.gathering import Subject, gather, gather_baseline
from app.gates.models import GateEvaluation, GatePolicy
from app.gates.policy import Policy
from app.gates.results import Result
from app.gates.schemas import (
    BaselineRef,
    CheckIn,
    DatasetRef,
    EvaluationOut,
    EvaluationRow,
    ExplanationOut,
    GateOut,
    PolicyRef,
    ScanRef,
)
from app.paging import cut_page
from app.reviews.blindness import require_sight
from app.scans.models import Scan, ScanStatus
from app.scans.service import get_scan, latest_scan


def store_policy(db: Session, caller: Caller, policy: Policy) -> GateOut:
    """Store a policy as the next version of its name; what is stored already stays the version."""
    queries.hold_name(db, caller.project_id, policy.name)
    latest = queries.latest_policy(db, caller.project_id, policy.name)
    body = policy.model_dump(mode="json", exclude_defaults=True) | {"format": policy.format}
    if latest is not None and latest.policy == body:
        return _gate_out(latest, queries.name_of(db, latest.created_by))
    stored = GatePolicy(
        id=new_id(),
        project_id=caller.project_id,
        name=policy.name,
        version=1 if latest is None else latest.version + 1,
        policy=body,
        created_at=now(),
        created_by=caller.principal_id,
    )
    db.add(stored)
    db.flush()
    audit(db, caller, "store_gate", f"gate {stored.id}", name=stored.name, version=stored.version)
    return _gate_out(stored, caller.name)


def list_policies(
    db: Session,
    caller: Caller,
    *,
    name: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[GateOut], str | None]:
    rows = queries.policies(db, caller.project_id, name=name, after=after, limit=limit + 1)
    page, following = cut_page(rows, limit, lambda row: (row[0].created_at, row[0].id))
    return [_gate_out(stored, maker) for stored, maker in page], following


def list_names(
    db: Session, caller: Caller, *, after: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Of gates: stored policies, and those that came with checks."""
    names = queries.gate_names(db, caller.project_id, after=after, limit=limit + 1)
    return cut_page(names, limit, lambda name: (name,))


def list_stored_names(db: Session, caller: Caller) -> list[str]:
    return list(queries.stored_names(db, caller.project_id))


def get_policy(db: Session, caller: Caller, policy_id: UUID) -> GateOut:
    """Raises GateNotFound."""
    stored = queries.policy(db, caller.project_id, policy_id)
    if stored is None:
        raise GateNotFound(
            f"There is no gate {policy_id} in this project.",
            field="gate_id",
            remedy="List the gates to see their ids.",
        )
    return _gate_out(stored, queries.name_of(db, stored.created_by))


def _gate_out(stored: GatePolicy, maker: str) -> GateOut:
    return GateOut(
        id=stored.id,
        name=stored.name,
        version=stored.version,
        policy=stored.policy,
        created_at=stored.created_at,
        created_by=maker,
    )


def check(db: Session, caller: Caller, body: CheckIn) -> EvaluationOut:
    """Hold a dataset version against a policy, and keep the verdict with its inputs.

    Raises:
        CheckInvalid: not just one policy, or not just one thing to hold it against.
        GateNotFound, ScanNotFound, DatasetNotFound.
    """
    stored, policy = _policy(db, caller, body)
    subject = find_subject(db, caller, "", body.scan_id, body.dataset_id)
    if subject is None:
        raise CheckInvalid(
            "There is nothing to check.",
            field="dataset_id",
            remedy="Give a dataset_id, or the scan_id of one of its scans.",
        )
    baseline = find_subject(
        db, caller, "baseline_", body.baseline_scan_id, body.baseline_dataset_id
    )
    inputs = Inputs(
        policy=policy,
        facts=gather(db, caller, policy, subject, baseline),
        baseline=None if baseline is None else gather_baseline(db, caller, policy, baseline),
        at=now(),
        fingerprint=body.fingerprint,
    )
    result = evaluate(inputs)
    version = None if stored is None else stored.version
    if body.dry_run:
        return _evaluation_out(None, version, inputs, result, caller.name)
    kept = GateEvaluation(
        id=new_id(),
        project_id=caller.project_id,
        policy_id=None if stored is None else stored.id,
        gate=policy.name,
        gate_version=version,
        dataset_id=subject.dataset.id,
        scan_id=None if subject.scan is None else subject.scan.id,
        verdict=result.verdict.value,
        inputs=inputs.model_dump(mode="json"),
        result=result.model_dump(mode="json"),
        at=inputs.at,
        evaluated_by=caller.principal_id,
    )
    db.add(kept)
    db.flush()
    audit(
        db,
        caller,
        "check_gate",
        f"gate evaluation {kept.id}",
        name=policy.name,
        dataset=str(subject.dataset.id),
        verdict=result.verdict.value,
    )
    return _evaluation_out(kept.id, version, inputs, result, caller.name)


def _policy(db: Session, caller: Caller, body: CheckIn) -> tuple[GatePolicy | None, Policy]:
    if (body.policy is None) == (body.gate is None):
        raise CheckInvalid(
            "A check needs a policy or the name of a stored one, and not both.",
            field="gate",
            remedy="Give `policy`, or `gate` with the name of a stored policy.",
        )
    if body.policy is not None:
        return None, body.policy
    assert body.gate is not None
    stored = queries.policy_called(db, caller.project_id, body.gate, body.gate_version)
    if stored is None:
        version = "" if body.gate_version is None else f" in version {body.gate_version}"
        raise GateNotFound(
            f"There is no gate {body.gate!r}{version} in this project.",
            field="gate",
            remedy="List the gates to see their names and versions.",
        )
    return stored, Policy.model_validate(stored.policy)


def find_subject(
    db: Session, caller: Caller, prefix: str, scan_id: UUID | None, dataset_id: UUID | None
) -> Subject | None:
    """A scan, or a dataset's latest complete one, or why there is none.

    Args:
        prefix: of the fields' names, in messages.
    """
    if scan_id is not None and dataset_id is not None:
        raise CheckInvalid(
            f"{prefix}scan_id and {prefix}dataset_id are both given.",
            field=f"{prefix}dataset_id",
            remedy="Give one of them: a scan is of a dataset already.",
        )
    if scan_id is not None:
        scan = get_scan(db, caller, scan_id)
        dataset = get_dataset(db, caller, scan.dataset_id)
        if scan.status == ScanStatus.complete:
            return Subject(dataset, scan)
        return Subject(dataset, None, _why_not(dataset, scan))
    if dataset_id is None:
        return None
    dataset = get_dataset(db, caller, dataset_id)
    complete = latest_scan(db, dataset, complete=True)
    if complete is not None:
        return Subject(dataset, complete)
    latest = latest_scan(db, dataset, complete=False)
    return Subject(dataset, None, _why_not(dataset, latest))


def _why_not(dataset: Dataset, scan: Scan | None) -> str:
    what, found = ("scan", scan) if scan is not None else ("dataset", dataset)
    if found is dataset and dataset.status == DatasetStatus.ready:
        return "The dataset was never scanned."
    failure = (found.failure or {}).get("detail")
    state = "has failed" if found.status == "failed" else f"is {found.status}"
    return f"The {what} {state}" + (f": {failure}" if failure else ".")


def list_evaluations(
    db: Session,
    caller: Caller,
    *,
    dataset_id: UUID | None = None,
    gate: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[EvaluationRow], str | None]:
    rows = queries.evaluations(
        db, caller.project_id, dataset_id=dataset_id, gate=gate, after=after, limit=limit + 1
    )
    page, following = cut_page(rows, limit, _place)
    return [EvaluationRow.model_validate(row) for row in page], following


def every_evaluation(db: Session, dataset_id: UUID) -> Iterator[Row[GateEvaluation, str]]:
    """All of a dataset whose tenancy was checked, the oldest first, and who asked for each."""
    return queries.every_evaluation(db, dataset_id)


def _place(row: Row[Any]) -> tuple[datetime, UUID]:
    return row.at, row.id


def get_evaluation(db: Session, caller: Caller, evaluation_id: UUID) -> EvaluationOut:
    """Raises EvaluationNotFound; UnderBlindReview: it names examples that the caller reviews."""
    return explain(db, caller, evaluation_id).evaluation


def explain(db: Session, caller: Caller, evaluation_id: UUID) -> ExplanationOut:
    """A verdict with its inputs, evaluated once more. Raises what `get_evaluation` raises."""
    kept = queries.evaluation(db, caller.project_id, evaluation_id)
    if kept is None:
        raise EvaluationNotFound(
            f"There is no evaluation {evaluation_id} in this project.",
            field="evaluation_id",
            remedy="List the evaluations to see their ids.",
        )
    require_sight(db, caller, kept.dataset_id)
    inputs, result = Inputs.model_validate(kept.inputs), Result.model_validate(kept.result)
    by = queries.name_of(db, kept.evaluated_by)
    return ExplanationOut(
        evaluation=_evaluation_out(kept.id, kept.gate_version, inputs, result, by),
        inputs=inputs,
        repeats=evaluate(inputs) == result,
    )


def _evaluation_out(
    evaluation_id: UUID | None, version: int | None, inputs: Inputs, result: Result, by: str
) -> EvaluationOut:
    facts, baseline = inputs.facts, inputs.baseline
    return EvaluationOut(
        id=evaluation_id,
        policy=PolicyRef(name=inputs.policy.name, version=version),
        dataset=DatasetRef(**facts.dataset.model_dump(include={*DatasetRef.model_fields})),
        scan=None if facts.scan is None else ScanRef(**facts.scan.model_dump()),
        baseline=None if baseline is None else _baseline_ref(baseline),
        changed_examples=facts.changed_examples,
        at=inputs.at,
        by=by,
        verdict=result.verdict,
        rules=result.rules,
        worst=result.worst,
    )


def _baseline_ref(baseline: Facts) -> BaselineRef:
    return BaselineRef(
        dataset_id=baseline.dataset.id,
        name=baseline.dataset.name,
        version=baseline.dataset.version,
        scan_id=None if baseline.scan is None else baseline.scan.id,
    )
