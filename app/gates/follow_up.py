"""What to do about a verdict: a queue of the flags that it is about and that nobody has decided."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import shortened
from app.db import now
from app.gates.errors import NothingToReview
from app.gates.facts import Inputs
from app.gates.gathering import keys_of
from app.gates.questions import FlagQuestion
from app.gates.results import Result, Status
from app.gates.schemas import ExplanationOut
from app.gates.service import explain, find_subject
from app.reviews.models import ReviewQueue
from app.reviews.queue_schemas import QueueIn
from app.reviews.queues import create_queue


def questions_open(inputs: Inputs, result: Result) -> list[FlagQuestion]:
    """Which flags the rules that are not met ask about, as far as nobody has decided them."""
    unmet = {rule.id for rule in result.rules if rule.status not in (Status.passed, Status.waived)}
    asked = [rule.question() for rule in inputs.policy.rules if rule.name in unmet]
    changes = {"unreviewed": True, "per_class": False}
    return [each.model_copy(update=changes) for each in asked if each is not None]


def queue_of_open_flags(db: Session, caller: Caller, evaluation_id: UUID) -> ReviewQueue:
    """Make a queue of them, as they are now.

    Raises:
        EvaluationNotFound, QueueExists.
        NothingToReview: there are none, or none any more.
    """
    found = explain(db, caller, evaluation_id)
    dataset, scan, at = found.evaluation.dataset, found.evaluation.scan, now()
    keys = [] if scan is None else _open_keys(db, caller, found, scan.id)
    if scan is None or not keys:
        raise NothingToReview(
            "No flag that this verdict is about is left without a decision.",
            remedy="Check the gate again: what people decided since then counts.",
        )
    title = f"{dataset.name} {dataset.version}: gate {found.evaluation.policy.name}"
    name = f"{shortened(title, 120)}, {at.day} {at:%b %H:%M}"
    policy = {"kind": "keys", "keys": keys}
    body = QueueIn.model_validate({"name": name, "scan_id": scan.id, "policy": policy})
    return create_queue(db, caller, body)


def _open_keys(db: Session, caller: Caller, found: ExplanationOut, scan_id: UUID) -> list[str]:
    subject = find_subject(db, caller, "", scan_id, None)
    assert subject is not None
    before = found.evaluation.baseline
    baseline = None
    if before is not None:
        dataset_id = before.dataset_id if before.scan_id is None else None
        baseline = find_subject(db, caller, "baseline_", before.scan_id, dataset_id)
    questions = questions_open(found.inputs, found.evaluation)
    return keys_of(db, questions, subject, baseline)
