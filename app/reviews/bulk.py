"""Deciding many items at once, as one batch that can be undone as one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller, audit
from app.db import new_id
from app.estimates.drawing import has_pool, share_pool
from app.paging import cut_page
from app.reviews import bulk_queries as queries
from app.reviews import claim_queries, queue_queries
from app.reviews.bulk_schemas import (
    BulkExample,
    BulkIn,
    BulkVerdictIn,
    PairCount,
    PreviewOut,
    SampleCheck,
    SampleIn,
    SelectionIn,
)
from app.reviews.desks import AtDesk, sit_down
from app.reviews.errors import (
    BatchNotFound,
    BatchUndone,
    NothingSelected,
    SampleNotFound,
    VerdictInvalid,
)
from app.reviews.models import ReviewBatch, ReviewSample, VerdictKind
from app.reviews.queues import get_queue, require_open

_EXAMPLES_SHOWN = 12


def preview_batch(db: Session, caller: Caller, queue_id: UUID, body: BulkIn) -> PreviewOut:
    """What a bulk decision would do now.

    Raises:
        QueueNotFound, QueueClosed, ClassUnknown, VerdictInvalid, SampleNotFound.
    """
    at = _sit_down(db, caller, queue_id)
    _require_verdict(at, body.verdict)
    selection = _selection(at, body.selection)
    groups = queries.counts(db, at.queue, selection, body.verdict.kind)
    examples = queries.first_items(db, at.queue, selection, body.verdict.kind, _EXAMPLES_SHOWN)
    return PreviewOut(
        count=sum(row.free for row in groups),
        held=sum(row.held for row in groups),
        settled=sum(row.settled for row in groups),
        without_suggestion=sum(row.without_suggestion for row in groups),
        pairs=[
            PairCount(
                given_label=at.class_name(row.given_label),
                suggested_label=at.class_name(row.suggested_label),
                count=row.free,
            )
            for row in groups
            if row.free
        ],
        examples=[
            BulkExample(
                position=row.position,
                key=row.key,
                given_label=at.class_name(row.given_label),
                given_target=row.given_target,
                suggested_label=at.class_name(row.suggested_label),
                suggested_value=row.suggested_value,
            )
            for row in examples
        ],
        sample=_check(db, at, body),
    )


def _sit_down(db: Session, caller: Caller, queue_id: UUID, *, holds: bool = False) -> AtDesk:
    """`holds`: the queue, before any of its items is locked."""
    at = sit_down(db, caller, queue_id)
    require_open(at.queue)
    if holds:
        queue_queries.hold_queue(db, queue_id)
    if at.has_stale:
        claim_queries.free_stale(db, queue_id)
    return at


def _selection(at: AtDesk, asked: SelectionIn) -> dict[str, Any]:
    return {
        "keys": None if asked.keys is None else sorted(set(asked.keys)),
        "given": None if asked.given is None else at.class_index(asked.given, "selection.given"),
        "suggested": None
        if asked.suggested is None
        else at.class_index(asked.suggested, "selection.suggested"),
    }


def _require_verdict(at: AtDesk, verdict: BulkVerdictIn) -> None:
    wanted = "value" if at.is_regression else "label"
    for field in ("label", "value"):
        is_needed = verdict.kind == VerdictKind.relabel and field == wanted
        if (getattr(verdict, field) is not None) is not is_needed:
            raise VerdictInvalid(
                f"To relabel in this dataset needs a {wanted}."
                if is_needed
                else f"This verdict has no {field}.",
                field=f"verdict.{field}",
                remedy=f"{'Name' if is_needed else 'Leave out'} the {field}.",
            )
    _label(at, verdict)


def _label(at: AtDesk, verdict: BulkVerdictIn) -> int | None:
    return None if verdict.label is None else at.class_index(verdict.label, "verdict.label")


def _check(db: Session, at: AtDesk, body: BulkIn) -> SampleCheck | None:
    if body.sample_id is None:
        return None
    sample = get_sample(db, at.queue.id, body.sample_id)
    label = _label(at, body.verdict)
    agrees: dict[int, bool] = {}
    for row in queries.votes_on(db, at.queue, sample.positions):
        match body.verdict.kind:
            case "unusable":
                same = row.kind == VerdictKind.unusable
            case "right":
                same = row.kind == VerdictKind.right
            case "accept":
                wanted = (row.suggested_label, row.suggested_value)
                same = _is_label(row.kind) and (row.label, row.value) == wanted
            case _:
                same = _is_label(row.kind) and (row.label, row.value) == (label, body.verdict.value)
        agrees[row.position] = agrees.get(row.position, True) and same
    return SampleCheck(
        size=len(sample.positions),
        decided=len(agrees),
        agreed=sum(agrees.values()),
        against=[position for position, same in agrees.items() if not same],
    )


def _is_label(kind: str) -> bool:
    return kind in (VerdictKind.right, VerdictKind.relabel)


def get_sample(db: Session, queue_id: UUID, sample_id: UUID) -> ReviewSample:
    sample = queries.sample(db, queue_id, sample_id)
    if sample is None:
        raise SampleNotFound(
            f"The queue has no sample {sample_id}.",
            field="sample_id",
            remedy="Draw one: POST …/samples.",
        )
    return sample


def draw_sample(db: Session, caller: Caller, queue_id: UUID, body: SampleIn) -> ReviewSample:
    """Draw items of a group at random and claim them for the caller, to be decided by hand.

    Raises:
        QueueNotFound, QueueClosed, NotAssigned, ClassUnknown.
        NothingSelected: the group has no free item.
    """
    at = _sit_down(db, caller, queue_id)
    at.require_reviewer()
    positions = queries.draw(db, at.queue, _selection(at, body.selection), at.me, body.k)
    if not positions:
        raise _nothing_selected()
    sample = ReviewSample(
        queue_id=queue_id,
        selection=body.selection.model_dump(mode="json", exclude_none=True),
        positions=positions,
        created_by=at.me,
    )
    db.add(sample)
    db.flush()
    return sample


def _nothing_selected() -> NothingSelected:
    return NothingSelected(
        "No item that is free to decide fits the selection.",
        field="selection",
        remedy="Preview the selection to see what was left out, and why.",
    )


def apply_batch(db: Session, caller: Caller, queue_id: UUID, body: BulkIn) -> ReviewBatch:
    """Decide all free items of a selection at once. What somebody has in hand is left out.

    The outcome stands whatever the queue's overlap is, until the batch is undone.

    Raises:
        QueueNotFound, QueueClosed, ClassUnknown, VerdictInvalid, SampleNotFound.
        NothingSelected: there is none.
    """
    at = _sit_down(db, caller, queue_id, holds=True)
    _require_verdict(at, body.verdict)
    if body.sample_id is not None:
        get_sample(db, queue_id, body.sample_id)
    selection = _selection(at, body.selection)
    is_locked = has_pool(db, at.queue.dataset_id)
    if is_locked:
        # What is drawn before the pool is shared is left out; nothing is drawn after it. The items
        # come first, as they do for everybody else.
        queries.lock(db, at.queue, selection, body.verdict.kind)
        share_pool(db, at.queue.dataset_id)
    batch_id = new_id()
    count = queries.apply(
        db,
        at.queue,
        selection,
        me=at.me,
        batch_id=batch_id,
        kind=body.verdict.kind,
        label=_label(at, body.verdict),
        value=body.verdict.value,
        comment=body.comment,
        is_locked=is_locked,
    )
    if count == 0:
        raise _nothing_selected()
    kept = body.selection.model_dump(mode="json", exclude_none=True, exclude={"keys"})
    if selection["keys"] is not None:
        kept["keys"] = len(selection["keys"])
    batch = ReviewBatch(
        id=batch_id,
        queue_id=queue_id,
        selection=kept,
        verdict=body.verdict.model_dump(mode="json", exclude_none=True),
        comment=body.comment,
        sample_id=body.sample_id,
        item_count=count,
        created_by=at.me,
    )
    db.add(batch)
    db.flush()
    audit(db, caller, "decide_batch", f"queue {queue_id}", batch=str(batch_id), items=count, **kept)
    return batch


def undo_batch(db: Session, caller: Caller, queue_id: UUID, batch_id: UUID) -> ReviewBatch:
    """Open a batch's items again.

    Raises:
        QueueNotFound, QueueClosed, BatchNotFound.
        BatchUndone: it was undone before.
    """
    at = _sit_down(db, caller, queue_id, holds=True)
    batch = get_batch(db, caller, queue_id, batch_id)
    if not queries.mark_undone(db, batch_id):
        raise BatchUndone("The batch was undone before.", remedy="Nothing is left to do.")
    count = queries.undo(db, at.queue, at.me, batch_id)
    # Its items may lie behind where people look by now.
    queue_queries.change_queue(db, queue_id, look=True)
    audit(db, caller, "undo_batch", f"queue {queue_id}", batch=str(batch_id), items=count)
    db.refresh(batch)
    return batch


def get_batch(db: Session, caller: Caller, queue_id: UUID, batch_id: UUID) -> ReviewBatch:
    get_queue(db, caller, queue_id)
    batch = queries.batch(db, queue_id, batch_id)
    if batch is None:
        raise BatchNotFound(
            f"The queue has no batch {batch_id}.",
            field="batch_id",
            remedy="List the queue's batches to see their ids.",
        )
    return batch


def list_batches(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[ReviewBatch], str | None]:
    get_queue(db, caller, queue_id)
    rows = queries.batches_newest_first(db, queue_id, after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda batch: (batch.created_at, batch.id))
