"""How many labels of a dataset are wrong, and how far its reviewers err."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.datasets.models import Dataset
from app.datasets.service import get_ready_dataset
from app.estimates import queries
from app.estimates.findings import Range, WrongLabels, audits_to_reach, course, findings
from app.estimates.history import History, Left, Outcome
from app.estimates.reliability import error_rate, share_of
from app.estimates.schemas import (
    AuditsOut,
    CanariesOut,
    ClassWrongOut,
    CourseOut,
    DoublyReviewedOut,
    ForecastOut,
    LabelEstimateOut,
    NumberOut,
    ReviewersOut,
    ShareOut,
    WrongLabelsOut,
    WrongOut,
)
from app.estimates.words import conclusion
from app.reviews.blindness import require_sight

COURSE_POINTS = 101
AUDIT_COLUMNS = (
    "number",
    "unreviewed",
    "at",
    "queue",
    "position",
    "key",
    "given_target",
    "given_label",
    "outcome",
)
REVIEWED_COLUMNS = ("position", "key", "given_label", "given_target", "left_after", "outcome")


def estimate_wrong_labels(
    db: Session, caller: Caller, dataset_id: UUID, *, alpha: float, target: float
) -> LabelEstimateOut:
    """In as many statements for many examples, queues and audits as for few.

    Raises:
        DatasetNotFound, DatasetNotReady.
        UnderBlindReview: its counts would tell the caller what they have in hand.
    """
    dataset = get_ready_dataset(db, caller, dataset_id)
    require_sight(db, caller, dataset_id)
    return estimate_of(db, dataset, alpha=alpha, target=target)


def estimate_of(db: Session, dataset: Dataset, *, alpha: float, target: float) -> LabelEstimateOut:
    """The same of an indexed dataset, for a caller who may know it."""
    left = [_left(row) for row in queries.what_left(db, dataset.id)]
    history = History(dataset.example_count or 0, left)
    found = findings(history, alpha=alpha)
    wrong = _wrong_labels(found.all, history.examples)
    return LabelEstimateOut(
        dataset_id=dataset.id,
        says=conclusion(
            wrong,
            _audits(history),
            unreviewed=history.examples - history.reviewed,
            alpha=alpha,
        ),
        alpha=alpha,
        examples=history.examples,
        reviewed=history.reviewed,
        found=history.found,
        unknown=history.unknown,
        audits=_audits(history),
        wrong=wrong,
        open_right=_wrong_labels(found.open_right, history.examples),
        open_wrong=_wrong_labels(found.open_wrong, history.examples),
        forecast=_forecast(history, wrong, target, alpha),
        classes=_classes(dataset, history, alpha),
        reviewers=_reviewers(db, dataset.id, alpha),
        course=[
            CourseOut(
                audits=look.audits,
                reviewed=look.reviewed,
                found=look.found,
                lowest=look.before.lowest,
                highest=look.before.highest,
            )
            for look in course(history, alpha=alpha, points=COURSE_POINTS)
        ],
    )


def copy_audits(db: Session, dataset_id: UUID) -> Iterator[memoryview | bytes]:
    """The audits in the order of their draws, as lines of CSV with AUDIT_COLUMNS. Streamed.

    `at` is in microseconds since 1970. Position, key and target are told once all items of the
    example are done: whoever has one in hand is not to know that it is an audit.
    """
    return queries.copy_audits(db, dataset_id)


def copy_reviewed(db: Session, dataset_id: UUID) -> Iterator[memoryview | bytes]:
    """What else left the pool, by position, as lines of CSV with REVIEWED_COLUMNS. Streamed."""
    return queries.copy_reviewed(db, dataset_id)


def _left(row: Any) -> Left:
    return Left(row.after, row.label, Outcome(row.outcome), row.examples, row.unreviewed)


def _classes(dataset: Dataset, history: History, alpha: float) -> list[ClassWrongOut]:
    counts = dataset.class_counts or {}
    classes = []
    for label, name in enumerate(dataset.classes or []):
        own = history.of_class(label, counts.get(name, 0))
        if own.examples:
            found = findings(own, alpha=alpha).all
            classes.append(
                ClassWrongOut(
                    label=name,
                    examples=own.examples,
                    reviewed=own.reviewed,
                    found=own.found,
                    unknown=own.unknown,
                    audits=_audits(own),
                    wrong=_wrong_labels(found, own.examples),
                )
            )
    return classes


def _forecast(history: History, wrong: WrongLabelsOut, target: float, alpha: float) -> ForecastOut:
    if wrong.after.share.highest <= target:
        return ForecastOut(target=target, is_reached=True, audits=0)
    audits = audits_to_reach(history, target, alpha=alpha)
    # It leaves out what waits, and may be there already.
    return ForecastOut(
        target=target, is_reached=False, audits=None if audits is None else max(audits, 1)
    )


def _audits(history: History) -> AuditsOut:
    return AuditsOut(drawn=history.drawn, answered=history.drawn - history.waiting)


def _wrong_labels(found: WrongLabels, examples: int) -> WrongLabelsOut:
    return WrongLabelsOut(
        before=_wrong(found.before, examples), after=_wrong(found.after, examples)
    )


def _wrong(number: Range, examples: int) -> WrongOut:
    whole = max(examples, 1)
    return WrongOut(
        number=NumberOut.model_validate(number),
        share=ShareOut(
            estimate=number.estimate / whole,
            lowest=number.lowest / whole,
            highest=number.highest / whole,
        ),
    )


def _reviewers(db: Session, dataset_id: UUID, alpha: float) -> ReviewersOut:
    doubles = queries.doubly_reviewed(db, dataset_id)
    canaries = queries.canaries(db, dataset_id)
    error = error_rate(doubles.disagreed, doubles.items, alpha=alpha)
    caught = share_of(canaries.caught, canaries.caught + canaries.missed, alpha=alpha)
    return ReviewersOut(
        doubly_reviewed=DoublyReviewedOut(
            items=doubles.items,
            disagreed=doubles.disagreed,
            error=ShareOut.model_validate(error) if error else None,
        ),
        canaries=CanariesOut(
            caught=canaries.caught,
            missed=canaries.missed,
            unsure=canaries.unsure,
            caught_share=ShareOut.model_validate(caught) if caught else None,
        ),
    )
