"""How many labels of a dataset are wrong, and how far its reviewers err."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    DetectorOut,
    DoublyReviewedOut,
    ForecastOut,
    LabelEstimateOut,
    NumberOut,
    ReviewersOut,
    ShareOut,
    SliceOut,
    WrongLabelsOut,
    WrongOut,
)
from app.estimates.slices import WHOLE, Slice, SliceEmpty
from app.estimates.words import conclusion, slice_in_words
from app.reviews.blindness import require_sight
from app.scans.service import latest_recall

COURSE_POINTS = 101
_Counts = dict[int | None, int]
"""Examples by class; of none in a regression."""
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


@dataclass(frozen=True)
class BriefEstimate:
    wrong: WrongLabelsOut
    audits: AuditsOut
    forecast: ForecastOut


def estimate_briefly(
    db: Session, caller: Caller, dataset_id: UUID, *, alpha: float, target: float, part: Slice
) -> BriefEstimate:
    """Of a slice the bounds alone: nothing by class, and not how it came. Raises the same."""
    dataset = get_ready_dataset(db, caller, dataset_id)
    require_sight(db, caller, dataset_id)
    history, _ = _history(db, dataset, part)
    wrong = _wrong_labels(findings(history, alpha=alpha).all, history.examples)
    return BriefEstimate(wrong, _audits(history), _forecast(history, wrong, target, alpha))


def estimate_wrong_labels(
    db: Session,
    caller: Caller,
    dataset_id: UUID,
    *,
    alpha: float,
    target: float,
    part: Slice = WHOLE,
    joint: bool = False,
) -> LabelEstimateOut:
    """In as many statements for many examples, queues and audits as for few.

    Args:
        part: what it is about.
        joint: the bounds of all classes are to hold together.
    Raises:
        DatasetNotFound, DatasetNotReady.
        ClassUnknown, SliceEmpty: there is no such slice.
        UnderBlindReview: its counts would tell the caller what they have in hand.
    """
    dataset = get_ready_dataset(db, caller, dataset_id)
    require_sight(db, caller, dataset_id)
    return estimate_of(db, dataset, alpha=alpha, target=target, part=part, joint=joint)


def estimate_of(
    db: Session,
    dataset: Dataset,
    *,
    alpha: float,
    target: float,
    part: Slice = WHOLE,
    joint: bool = False,
) -> LabelEstimateOut:
    """The same of an indexed dataset, for a caller who may know it."""
    history, counts = _history(db, dataset, part)
    class_alpha = alpha / max(len(counts), 1) if joint else alpha
    found = findings(history, alpha=alpha)
    wrong = _wrong_labels(found.all, history.examples)
    return LabelEstimateOut(
        dataset_id=dataset.id,
        slice=None if part.is_whole else SliceOut(labels=list(part.labels), key=part.key),
        says=conclusion(
            wrong,
            _audits(history),
            unreviewed=history.examples - history.reviewed,
            alpha=alpha,
            where=slice_in_words(part),
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
        joint=joint,
        class_alpha=class_alpha,
        classes=_classes(dataset, history, counts, class_alpha),
        reviewers=_reviewers(db, dataset.id, alpha),
        detector=_detector(db, dataset.id),
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


def _history(db: Session, dataset: Dataset, part: Slice) -> tuple[History, _Counts]:
    """Raises ClassUnknown, SliceEmpty."""
    labels = part.classes_of(dataset)
    counts = _examples_by_class(db, dataset, part, labels)
    left = [_left(row) for row in queries.what_left(db, dataset.id, labels, part.key)]
    return History(sum(counts.values()), left, is_slice=not part.is_whole), counts


def _left(row: Any) -> Left:
    return Left(row.after, row.label, Outcome(row.outcome), row.examples, row.unreviewed)


def _examples_by_class(
    db: Session, dataset: Dataset, part: Slice, labels: list[int] | None
) -> _Counts:
    """How many examples there are of each class that has some. Raises SliceEmpty."""
    if part.key is not None:
        counts = queries.examples_of(db, dataset.id, labels, part.key)
    elif dataset.class_counts is None:
        counts = {None: dataset.example_count or 0}
    else:
        known = enumerate(dataset.classes or [])
        counts = {at: dataset.class_counts.get(name, 0) for at, name in known}
    found = {
        label: count
        for label, count in counts.items()
        if count and (labels is None or label in labels)
    }
    if not found and not part.is_whole:
        raise SliceEmpty(
            f"There is no example{slice_in_words(part)}.",
            field="label" if part.key is None else "key",
            remedy="Choose a class that has examples."
            if part.key is None
            else "Look at the dataset's keys: they are case-sensitive, `*` stands for any "
            "characters and `?` for one.",
        )
    return found


def _classes(
    dataset: Dataset, history: History, counts: _Counts, alpha: float
) -> list[ClassWrongOut]:
    classes = []
    for label, name in enumerate(dataset.classes or []):
        if label not in counts:
            continue
        own = history.of_class(label, counts[label])
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


def _detector(db: Session, dataset_id: UUID) -> DetectorOut | None:
    found = latest_recall(db, dataset_id)
    return None if found is None else DetectorOut.model_validate(found)


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
