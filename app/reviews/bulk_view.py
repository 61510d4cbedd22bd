"""What the page of bulk decisions shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import number, plural, real
from app.datasets.models import Dataset, Task
from app.datasets.shown import Shown
from app.reviews import bulk
from app.reviews import outcome_queries as queries
from app.reviews.bulk_form import BulkForm
from app.reviews.bulk_schemas import BulkVerdictIn, PreviewOut
from app.reviews.items_view import ItemCard, shown_or_not
from app.reviews.models import ReviewBatch, ReviewQueue
from app.reviews.queue_form import FieldProblem, Problems
from app.reviews.queue_view import queue_url


@dataclass(frozen=True)
class BulkPreview:
    """What a bulk decision would do."""

    count: int
    figure: str
    left_out: str
    pairs: list[tuple[str, str, str]]
    cards: list[ItemCard]
    modality: str
    sample: str | None
    sample_is_against: bool
    action: str


@dataclass(frozen=True)
class BatchRow:
    id: str
    what: str
    verdict: str
    count: int
    who: str
    at: datetime
    comment: str | None
    undone_at: datetime | None
    undo_url: str


@dataclass(frozen=True)
class BulkView:
    form: BulkForm
    problems: Problems
    classes: list[str]
    is_regression: bool
    shows_suggestion: bool
    has_sample: bool
    preview: BulkPreview | None
    batches: list[BatchRow]
    next_url: str | None

    @property
    def general(self) -> FieldProblem | None:
        """A problem that no field is at fault for."""
        return self.problems.get("")


def bulk_view(
    db: Session,
    caller: Caller,
    queue: ReviewQueue,
    dataset: Dataset,
    form: BulkForm,
    *,
    problems: Problems | None = None,
    preview: BulkPreview | None = None,
    after: tuple[Any, Any] | None = None,
) -> BulkView:
    batches, following = bulk.list_batches(db, caller, queue.id, after=after, limit=20)
    names = queries.names_of(db, [batch.created_by for batch in batches]) if batches else {}
    base = queue_url(caller, queue.id)
    return BulkView(
        form=form,
        problems=problems or {},
        classes=dataset.classes or [],
        is_regression=dataset.task == Task.regression,
        shows_suggestion=queue.show_suggestion,
        has_sample=bool(form.sample),
        preview=preview,
        batches=[_batch(batch, names[batch.created_by], base) for batch in batches],
        next_url=f"{base}/bulk?after={following}" if following else None,
    )


def preview_view(
    caller: Caller, queue: ReviewQueue, dataset: Dataset, found: PreviewOut, verdict: BulkVerdictIn
) -> BulkPreview:
    shown = shown_or_not(caller, dataset, [each.position for each in found.examples])
    base = queue_url(caller, queue.id)
    check = found.sample
    return BulkPreview(
        count=found.count,
        figure=plural(found.count, "item"),
        left_out=_left_out(found),
        pairs=[
            (pair.given_label or "", pair.suggested_label or "nothing", number(pair.count))
            for pair in found.pairs[:12]
        ],
        cards=[_card(each, view, base) for each, view in zip(found.examples, shown, strict=True)],
        modality=dataset.modality or "table",
        sample=None
        if check is None
        else f"Of {plural(check.size, 'sampled item')} {number(check.decided)} are decided by "
        f"hand; {number(check.agreed)} of those say the same as this verdict.",
        sample_is_against=bool(check and check.against),
        action=f"{verdict_words(verdict.model_dump())}: {plural(found.count, 'item')}",
    )


def _left_out(found: PreviewOut) -> str:
    parts = []
    if found.held:
        parts.append(f"{number(found.held)} that somebody has in hand")
    if found.settled:
        parts.append(f"{number(found.settled)} settled or disputed")
    if found.without_suggestion:
        parts.append(f"{number(found.without_suggestion)} without a suggestion")
    return f"Left out: {', '.join(parts)}." if parts else "Nothing of the group is left out."


def _card(each: Any, shown: Shown, base: str) -> ItemCard:
    given = each.given_label if each.given_label is not None else real(each.given_target)
    suggested = each.suggested_label
    if suggested is None and each.suggested_value is not None:
        suggested = real(each.suggested_value)
    return ItemCard(
        url=f"{base}/items/{each.position}",
        name=each.key,
        key=each.key,
        shown=shown,
        given=given,
        becomes=suggested,
        is_wrong=False,
        state="queued",
        words="open",
        says=[],
        place="",
    )


def verdict_words(verdict: dict[str, Any]) -> str:
    match verdict["kind"]:
        case "right":
            return "Label is right"
        case "unusable":
            return "Not usable"
        case "accept":
            return "Relabel as suggested"
        case _:
            label = verdict.get("label")
            return f"Relabel to {label if label is not None else real(verdict.get('value'))}"


def _batch(batch: ReviewBatch, who: str, base: str) -> BatchRow:
    chosen = batch.selection
    parts = [f"{name} {chosen[name]}" for name in ("given", "suggested") if chosen.get(name)]
    if chosen.get("keys"):
        parts.append(f"{plural(chosen['keys'], 'example')} by key")
    return BatchRow(
        id=str(batch.id),
        what=", ".join(parts),
        verdict=verdict_words(batch.verdict),
        count=batch.item_count,
        who=who,
        at=batch.created_at,
        comment=batch.comment,
        undone_at=batch.undone_at,
        undo_url=f"{base}/bulk/{batch.id}/undo",
    )
