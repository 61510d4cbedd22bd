"""Progress, people's figures and agreement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.datasets.models import Dataset, Task
from app.datasets.service import get_dataset, label_name
from app.reviews import figure_queries as queries
from app.reviews import queue_queries
from app.reviews.alpha import interval_alpha, nominal_alpha
from app.reviews.blindness import require_sight
from app.reviews.figure_schemas import (
    AgreementOut,
    ClassAgreement,
    MineOut,
    PairAgreement,
    ProgressOut,
    ReviewerOut,
)
from app.reviews.models import ReviewQueue
from app.reviews.queues import get_queue

_SHOWN = 500
_Patterns = list[tuple[Sequence[int], int]]


def queue_progress(db: Session, caller: Caller, queue_id: UUID) -> ProgressOut:
    """Two statements, whatever the queue's size."""
    queue = get_queue(db, caller, queue_id)
    row = queries.progress(db, queue_id, caller.principal_id)
    return ProgressOut(
        item_count=queue.whole,
        open=queue.whole - row.done - row.disputed,
        held=row.held,
        done=row.done,
        disputed=row.disputed,
        skipped=row.skipped,
        per_hour=row.per_hour,
        mine=MineOut(today=row.my_today, decided=row.mine, skipped=row.my_skipped),
    )


def list_reviewers(db: Session, caller: Caller, queue_id: UUID) -> list[ReviewerOut]:
    """Who works at a queue, the most decisions first."""
    get_queue(db, caller, queue_id)
    return [
        ReviewerOut(
            principal_id=row.principal_id,
            name=row.name,
            decided=row.decided,
            today=row.today,
            skipped=row.skipped,
            seconds_each=row.seconds / row.decided if row.decided > 0 and row.seconds else None,
            per_hour=row.per_hour,
        )
        for row in queries.reviewers(db, queue_id)
    ]


def queue_agreement(db: Session, caller: Caller, queue_id: UUID) -> AgreementOut:
    """How far people agree: all, each two of them, and by class pair.

    Raises:
        QueueNotFound, UnderBlindReview.
    """
    queue = get_queue(db, caller, queue_id)
    # What changes it is no canary.
    require_sight(db, caller, queue.dataset_id)
    dataset = get_dataset(db, caller, queue.dataset_id)
    if dataset.task == Task.regression:
        return _of_numbers(db, queue)
    by_class: dict[tuple[int | None, int | None], _Patterns] = defaultdict(list)
    for row in queries.class_patterns(db, queue_id):
        by_class[row.given_label, row.suggested_label].append((row.pattern, row.items))
    by_people: dict[tuple[UUID, UUID], _Patterns] = defaultdict(list)
    for row in queries.person_patterns(db, queue_id):
        by_people[row.first, row.second].append(((row.one, row.another), row.items))
    everything = [pattern for patterns in by_class.values() for pattern in patterns]
    items, agreed = _counts(everything)
    return AgreementOut(
        items=items,
        agreed=agreed,
        alpha=nominal_alpha(everything),
        people=_most_items(
            PairAgreement(first=first, second=second, **_figures(patterns))
            for (first, second), patterns in by_people.items()
        ),
        classes=_most_items(
            ClassAgreement(
                given_label=label_name(dataset, given),
                suggested_label=label_name(dataset, suggested),
                **_figures(patterns),
            )
            for (given, suggested), patterns in by_class.items()
        ),
    )


@dataclass(frozen=True)
class Agreement:
    items: int
    agreed: int
    alpha: float | None


def dataset_agreement(db: Session, dataset: Dataset) -> Agreement:
    """How far people agree in all the queues of a dataset together."""
    queues = queue_queries.queues_of_dataset(db, dataset.id)
    if dataset.task == Task.regression:
        sums = [queries.number_sums(db, queue.id, queue.tolerance) for queue in queues]
        some = [row for row in sums if row.items]
        return Agreement(
            sum(row.items for row in some),
            sum(row.agreed for row in some),
            interval_alpha(
                sum(int(row.values) for row in some),
                sum(row.observed for row in some),
                sum(row.total for row in some),
                sum(row.squares for row in some),
            ),
        )
    patterns: _Patterns = [
        (row.pattern, row.items) for queue in queues for row in queries.class_patterns(db, queue.id)
    ]
    return Agreement(*_counts(patterns), nominal_alpha(patterns))


def _counts(patterns: _Patterns) -> tuple[int, int]:
    return (
        sum(items for _, items in patterns),
        sum(items for answers, items in patterns if len(set(answers)) == 1),
    )


def _figures(patterns: _Patterns) -> dict[str, Any]:
    items, agreed = _counts(patterns)
    return {"items": items, "agreed": agreed, "alpha": nominal_alpha(patterns)}


def _most_items(figures: Iterable[Any]) -> list[Any]:
    return sorted(figures, key=lambda figure: -figure.items)[:_SHOWN]


def _of_numbers(db: Session, queue: ReviewQueue) -> AgreementOut:
    everything = queries.number_sums(db, queue.id, queue.tolerance)
    return AgreementOut(
        items=everything.items,
        agreed=everything.agreed,
        alpha=_number_alpha(everything),
        people=_most_items(
            PairAgreement(
                first=row.first,
                second=row.second,
                items=row.items,
                agreed=row.agreed,
                alpha=_number_alpha(row),
            )
            for row in queries.number_pair_sums(db, queue.id, queue.tolerance)
        ),
        classes=[],
    )


def _number_alpha(row: Row[Any]) -> float | None:
    if not row.items:
        return None
    return interval_alpha(int(row.values), row.observed, row.total, row.squares)
