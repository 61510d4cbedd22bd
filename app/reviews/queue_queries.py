"""SQL of queues as a whole: making, ordering, listing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Integer,
    Result,
    Row,
    Select,
    String,
    bindparam,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.orm import Session

from app.datasets.models import Example
from app.reviews.models import (
    OrderBy,
    ReviewDispute,
    ReviewItem,
    ReviewQueue,
    ReviewTally,
)
from app.reviews.selection import Selection
from app.scans.models import Flag, Score

# Where a small value is the suspicious one.
_ASCENDING = {OrderBy.margin, OrderBy.given_probability}


def add_queue(db: Session, values: dict[str, Any]) -> ReviewQueue | None:
    """The new queue, or None if the project has one of this name."""
    return db.scalar(
        insert_or(ReviewQueue)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["project_id", "name"])
        .returning(ReviewQueue)
    )


def _most_suspicious_first(order_by: OrderBy) -> ColumnElement[Any]:
    if order_by is OrderBy.suspicion:
        # Of which suspicion is made, and finer.
        return Score.rank.asc().nulls_last()
    column = getattr(Score, order_by.value)
    chosen: ColumnElement[Any] = column.asc() if order_by in _ASCENDING else column.desc()
    return chosen.nulls_last()


def _suggested_label() -> ColumnElement[int | None]:
    return func.nullif(Score.predicted_label, Score.given_label)


def _chosen(queue: ReviewQueue, selection: Selection) -> Select[Any]:
    """Examples of the queue's scan that a selection chooses, with all that an item keeps."""
    order_by = OrderBy(queue.order_by)
    order = (_most_suspicious_first(order_by), Score.position)
    query = select(
        Score.position,
        Score.given_label,
        _suggested_label().label("suggested_label"),
        Score.predicted_value.label("suggested_value"),
        getattr(Score, order_by.value).label("priority"),
        func.row_number().over(order_by=order).label("place"),
        func.row_number().over(partition_by=Score.given_label, order_by=order).label("of_class"),
    )
    return _fitting(query, queue, selection)


def _fitting(query: Select[Any], queue: ReviewQueue, selection: Selection) -> Select[Any]:
    """Of the scores of the queue's scan those that a selection chooses, however many."""
    query = query.where(Score.scan_id == queue.scan_id)
    if selection.given is not None:
        query = query.where(Score.given_label.in_(selection.given))
    if selection.suggested is not None:
        query = query.where(_suggested_label().in_(selection.suggested))
    if selection.flagged is not None:
        flagged = exists().where(Flag.scan_id == Score.scan_id, Flag.position == Score.position)
        query = query.where(flagged if selection.flagged else ~flagged)
    if selection.suspicion_at_least is not None:
        query = query.where(Score.suspicion >= selection.suspicion_at_least)
    if selection.suspicion_at_most is not None:
        query = query.where(Score.suspicion <= selection.suspicion_at_most)
    if selection.keys is not None:
        query = query.join(
            Example,
            (Example.dataset_id == queue.dataset_id) & (Example.position == Score.position),
        ).where(Example.key == func.any(_keys(selection.keys)))
    if selection.positions is not None:
        inside = bindparam("inside", list(selection.positions), type_=ARRAY(Integer), unique=True)
        query = query.where(Score.position.in_(select(func.unnest(inside))))
    return query


def _keys(keys: Sequence[str]) -> ColumnElement[Any]:
    return bindparam("keys", list(keys), type_=ARRAY(String), unique=True)


def unknown_keys(db: Session, dataset_id: uuid.UUID, keys: Sequence[str]) -> Sequence[str]:
    """Those that no example of the data set has."""
    asked = func.unnest(_keys(keys)).column_valued("asked")
    known = exists().where(Example.dataset_id == dataset_id, Example.key == asked)
    return db.scalars(select(asked).where(~known).order_by(asked)).all()


def analyse_items(db: Session) -> None:
    """Tell the planner of many new items now, rather than within a minute."""
    db.execute(text("ANALYZE review_items"))


def add_items(db: Session, queue: ReviewQueue, selection: Selection) -> int:
    """Fill a queue, by one statement however many the items are; returns how many."""
    chosen = _chosen(queue, selection).subquery()
    query = select(
        literal(queue.id, ReviewItem.queue_id.type),
        chosen.c.position,
        func.row_number().over(order_by=chosen.c.place),
        chosen.c.given_label,
        chosen.c.suggested_label,
        chosen.c.suggested_value,
        chosen.c.priority,
        literal(queue.overlap, ReviewItem.seats.type),
    )
    if selection.k is not None:
        query = query.where(chosen.c.place <= selection.k)
    if selection.k_of_class is not None:
        query = query.where(chosen.c.of_class <= selection.k_of_class)
    names = [
        "queue_id",
        "position",
        "place",
        "given_label",
        "suggested_label",
        "suggested_value",
        "priority",
        "seats",
    ]
    made = db.execute(
        insert(ReviewItem).from_select(names, query, include_defaults=False),
        execution_options={"preserve_rowcount": True},
    )
    return rows_changed(made)


def count_chosen(db: Session, queue: ReviewQueue, selection: Selection) -> int:
    """How many items `add_items` would make."""
    fitting = _fitting(select(func.count().label("n")).select_from(Score), queue, selection)
    if selection.k_of_class is not None:
        counts = fitting.group_by(Score.given_label).subquery()
        some = func.sum(func.least(counts.c.n, selection.k_of_class))
        return int(db.scalar(select(func.coalesce(some, 0))) or 0)
    count = db.scalars(fitting).one()
    return count if selection.k is None else min(count, selection.k)


def rows_changed(result: Result[Any]) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount


def reprioritise(
    db: Session, queue: ReviewQueue, scan_id: uuid.UUID, order_by: OrderBy
) -> ReviewQueue:
    """Order the items anew by another scan; verdicts, claims and states stay as they are.

    What was drawn comes before, as it did.
    """
    fresh = (
        select(
            ReviewItem.position,
            _suggested_label().label("suggested_label"),
            Score.predicted_value,
            getattr(Score, order_by.value).label("priority"),
            func.row_number()
            .over(order_by=(_most_suspicious_first(order_by), ReviewItem.position))
            .label("place"),
        )
        .outerjoin(Score, (Score.scan_id == scan_id) & (Score.position == ReviewItem.position))
        .where(ReviewItem.queue_id == queue.id, ReviewItem.place > 0)
        .subquery()
    )
    db.execute(
        update(ReviewItem)
        .where(ReviewItem.queue_id == queue.id, ReviewItem.position == fresh.c.position)
        .values(
            place=fresh.c.place,
            priority=fresh.c.priority,
            suggested_label=fresh.c.suggested_label,
            suggested_value=fresh.c.predicted_value,
        )
        .execution_options(synchronize_session=False)
    )
    db.execute(
        update(ReviewDispute)
        .where(
            ReviewDispute.queue_id == queue.id,
            ReviewItem.queue_id == queue.id,
            ReviewItem.position == ReviewDispute.position,
        )
        .values(place=ReviewItem.place)
        .execution_options(synchronize_session=False)
    )
    return change_queue(db, queue.id, order_scan_id=scan_id, order_by=order_by.value, look=True)


def change_queue(
    db: Session, queue_id: uuid.UUID, *, look: bool = False, **values: Any
) -> ReviewQueue:
    """Change a queue's row. `look`: everybody is to look from its head again."""
    if look:
        values["epoch"] = ReviewQueue.epoch + 1
    return db.scalars(
        update(ReviewQueue)
        .where(ReviewQueue.id == queue_id)
        .values(**values)
        .returning(ReviewQueue)
        .execution_options(populate_existing=True)
    ).one()


def plan_mixing(db: Session, queue_id: uuid.UUID, audits: int, canaries: int) -> None:
    """What is to be mixed in from now on, in all; no less than what is."""
    db.execute(
        update(ReviewQueue)
        .where(ReviewQueue.id == queue_id)
        .values(
            audits=func.greatest(audits, ReviewQueue.audits_drawn),
            canaries=func.greatest(canaries, ReviewQueue.canaries_made),
        )
        .execution_options(synchronize_session=False)
    )


def hold_queue(db: Session, queue_id: uuid.UUID) -> None:
    """Before many items are locked, in any order: whoever locks several then waits.

    Those who lock one, or several in the queue's order, wait for nobody that waits for them.
    """
    db.execute(select(func.pg_advisory_xact_lock(lock_key(queue_id))))


def wait_for_queue(db: Session, queue_id: uuid.UUID) -> None:
    """Wait for whoever holds the queue."""
    db.execute(select(func.pg_advisory_xact_lock_shared(lock_key(queue_id))))


def lock_key(queue_id: uuid.UUID) -> int:
    """The advisory lock of whoever changes many items of a queue."""
    return int.from_bytes(queue_id.bytes[:8], signed=True)


def queue(db: Session, project_id: uuid.UUID, queue_id: uuid.UUID) -> ReviewQueue | None:
    return db.scalar(
        select(ReviewQueue).where(ReviewQueue.project_id == project_id, ReviewQueue.id == queue_id)
    )


def queues_of_dataset(db: Session, dataset_id: uuid.UUID) -> Sequence[ReviewQueue]:
    return db.scalars(select(ReviewQueue).where(ReviewQueue.dataset_id == dataset_id)).all()


def queues_newest_first(
    db: Session,
    project_id: uuid.UUID,
    *,
    dataset_id: uuid.UUID | None,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[ReviewQueue]:
    query = select(ReviewQueue).where(ReviewQueue.project_id == project_id)
    if dataset_id is not None:
        query = query.where(ReviewQueue.dataset_id == dataset_id)
    if after is not None:
        query = query.where(tuple_(ReviewQueue.created_at, ReviewQueue.id) < after)
    order = (ReviewQueue.created_at.desc(), ReviewQueue.id.desc())
    return db.scalars(query.order_by(*order).limit(limit)).all()


def settled_counts(
    db: Session, queue_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Row[uuid.UUID, int, int]]:
    """How many items of each queue are done and disputed."""
    rows = db.execute(
        select(
            ReviewTally.queue_id,
            func.sum(ReviewTally.done).label("done"),
            func.sum(ReviewTally.disputed).label("disputed"),
        )
        .where(ReviewTally.queue_id.in_(queue_ids))
        .group_by(ReviewTally.queue_id)
    )
    return {row.queue_id: row for row in rows}


_MARK_FINISHED = text("""
    WITH counted AS (
        SELECT queue.id, queue.audits_drawn >= queue.audits
            AND queue.item_count + queue.mixed_in = (
            SELECT coalesce(sum(tally.done), 0) FROM review_tallies tally
            WHERE tally.queue_id = queue.id
        ) AS is_finished
        FROM review_queues queue
        -- What was in hand when it was closed may still be decided.
        WHERE queue.closed_at IS NULL OR queue.finished_at IS NULL
    )
    UPDATE review_queues queue SET finished_at = CASE WHEN counted.is_finished THEN now() END
    FROM counted
    WHERE counted.id = queue.id AND counted.is_finished <> (queue.finished_at IS NOT NULL)
    RETURNING queue.id, queue.project_id, queue.dataset_id, queue.name,
        queue.item_count + queue.mixed_in AS item_count, counted.is_finished
""")


def mark_finished(db: Session) -> list[Row[Any]]:
    """Bring `finished_at` of all queues up to date; returns those that have become so."""
    return [row for row in db.execute(_MARK_FINISHED) if row.is_finished]
