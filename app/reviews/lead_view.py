"""What a queue's own page shows: how far it is, what it found, by whom and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.dashboard import charts
from app.dashboard.formatting import NONE, duration, number, percent, plural, shortened
from app.dashboard.frame import with_query
from app.datasets.models import Dataset, Task
from app.datasets.service import label_name
from app.reviews import figures
from app.reviews import outcome_queries as queries
from app.reviews.blindness import has_sight
from app.reviews.figure_schemas import AgreementOut, ReviewerOut
from app.reviews.items_view import (
    KIND_WORDS,
    ItemCard,
    ItemListing,
    Which,
    disputed_cards,
    given_text,
    verdict_text,
)
from app.reviews.models import ItemRole, ItemState, ReviewQueue, VerdictKind
from app.reviews.queue_view import QueueCard, queue_cards, queue_url

_REVIEWERS_SHOWN = 10
_DISPUTED_SHOWN = 4
_LINES_SHOWN = 8
_PAIRS_SHOWN = 12


@dataclass(frozen=True)
class Figure:
    name: str
    figure: str
    note: str
    url: str | None = None


@dataclass(frozen=True)
class ReviewerRow:
    name: str
    url: str
    today: int
    decided: int
    skipped: int
    each: str
    pace: str
    relabelled: str


@dataclass(frozen=True)
class LogLine:
    """One verdict in the log."""

    who: str
    at: datetime
    key: str
    url: str
    given: str
    words: str
    becomes: str | None
    is_undone: bool
    comment: str | None
    note: str


@dataclass(frozen=True)
class LiveView:
    """The part of the page that follows the work."""

    head: QueueCard
    figures: list[Figure]
    heat: charts.HeatMap | None
    reviewers: list[ReviewerRow]
    more_reviewers: list[ReviewerRow]
    disputed: list[ItemCard]
    disputed_url: str
    adjudicate_url: str | None
    lines: list[LogLine]
    log_url: str
    items_url: str
    modality: str
    nothing_yet: bool
    is_blind: bool = False


def live_view(db: Session, caller: Caller, queue: ReviewQueue, dataset: Dataset) -> LiveView:
    """In as many statements for many reviewers and items as for few."""
    base = queue_url(caller, queue.id)
    head = queue_cards(db, caller, [queue])[0]
    if not has_sight(db, caller, dataset.id):
        return _blind_view(db, caller, queue, head, base)
    outcomes = queries.outcomes(db, queue.id)
    people = figures.list_reviewers(db, caller, queue.id)
    rows = _reviewer_rows(db, queue, people, base)
    disputed = []
    if head.progress.disputed:
        disputed = disputed_cards(db, caller, queue, dataset, base, _DISPUTED_SHOWN)
    lines = log_lines(
        caller, queue, dataset, queries.latest_verdicts(db, queue, limit=_LINES_SHOWN), base
    )
    return LiveView(
        head=head,
        figures=_figures(db, caller, queue, head, outcomes, base),
        heat=_heat(dataset, outcomes, base),
        reviewers=rows[:_REVIEWERS_SHOWN],
        more_reviewers=rows[_REVIEWERS_SHOWN:],
        disputed=disputed,
        disputed_url=ItemListing(Which.disputed).url(base),
        adjudicate_url=_adjudicate_url(queue, head, base),
        lines=lines,
        log_url=f"{base}/log",
        items_url=f"{base}/items",
        modality=dataset.modality or "table",
        nothing_yet=not (rows or outcomes or lines),
    )


def _blind_view(
    db: Session, caller: Caller, queue: ReviewQueue, head: QueueCard, base: str
) -> LiveView:
    """How far the queue is, and nothing of what it found: what counts there is no canary."""
    return LiveView(
        head=head,
        figures=_progress_figures(db, caller, queue, head, None),
        heat=None,
        reviewers=[],
        more_reviewers=[],
        disputed=[],
        disputed_url="",
        adjudicate_url=_adjudicate_url(queue, head, base),
        lines=[],
        log_url="",
        items_url="",
        modality="",
        nothing_yet=False,
        is_blind=True,
    )


def _adjudicate_url(queue: ReviewQueue, head: QueueCard, base: str) -> str | None:
    may_adjudicate = head.mine.may_adjudicate and queue.closed_at is None
    return f"{base}/review?adjudicate=true" if may_adjudicate else None


def _figures(
    db: Session,
    caller: Caller,
    queue: ReviewQueue,
    head: QueueCard,
    outcomes: Sequence[Any],
    base: str,
) -> list[Figure]:
    counts = dict.fromkeys(VerdictKind, 0)
    for row in outcomes:
        counts[VerdictKind(row.outcome)] += row.items
    settled = sum(counts.values())
    wrong, unusable = counts[VerdictKind.relabel], counts[VerdictKind.unusable]
    found = f"{percent(wrong / settled)} of {number(settled)} settled" if settled else "none yet"
    if unusable:
        found += f"; {number(unusable)} more not usable"
    wrong_labels = Figure(
        "wrong labels found", number(wrong), found, ItemListing(Which.wrong).url(base)
    )
    return [wrong_labels, *_progress_figures(db, caller, queue, head, base)]


def _progress_figures(
    db: Session, caller: Caller, queue: ReviewQueue, head: QueueCard, base: str | None
) -> list[Figure]:
    """`base`: None if the items are not to be seen."""
    progress = figures.queue_progress(db, caller, queue.id)
    shown = [
        Figure(
            "settled",
            head.progress.share,
            f"{number(progress.done)} of {plural(progress.item_count, 'item')}",
            f"{base}/items" if base else None,
        ),
        _pace(queue, progress.per_hour, progress.open),
    ]
    if progress.disputed:
        shown.append(
            Figure(
                "disputed",
                number(progress.disputed),
                "wait for an adjudicator",
                ItemListing(Which.disputed).url(base) if base else None,
            )
        )
    shown.append(
        Figure("in hand", number(progress.held), "items that somebody holds at this moment")
    )
    return shown


def _pace(queue: ReviewQueue, per_hour: float, left: int) -> Figure:
    if per_hour < 1:
        return Figure("pace", NONE, "nobody has decided anything in the last minutes")
    note = "decisions an hour, by the last ten minutes"
    if left and queue.closed_at is None:
        note += f"; about {duration(3600 * left * queue.overlap / per_hour)} left"
    return Figure("pace", number(per_hour), note)


def _heat(dataset: Dataset, outcomes: Sequence[Any], base: str) -> charts.HeatMap | None:
    if dataset.task == Task.regression:
        return None
    pairs = [
        {
            "given": label_name(dataset, row.given_label),
            "suggested": label_name(dataset, row.outcome_label),
            "count": row.items,
        }
        for row in outcomes
        if row.outcome_label is not None and row.given_label is not None
    ]

    def url_of(given: str, verdict: str) -> str:
        which = Which.right if given == verdict else Which.wrong
        return ItemListing(which, given=given, verdict=verdict).url(base)

    return charts.heat_map(pairs, dataset.classes or [], url_of, says="found to be")


def _reviewer_rows(
    db: Session, queue: ReviewQueue, people: Sequence[ReviewerOut], base: str
) -> list[ReviewerRow]:
    votes = queries.votes_by_person(db, queue.id)
    rows = []
    for person in sorted(people, key=lambda each: (-each.today, -each.decided, each.name)):
        vote = votes.get(person.principal_id)
        rows.append(
            ReviewerRow(
                name=person.name,
                url=with_query(f"{base}/log", who=person.principal_id),
                today=person.today,
                decided=person.decided,
                skipped=person.skipped,
                each=NONE if person.seconds_each is None else duration(person.seconds_each),
                pace=f"{number(person.per_hour)} an hour" if person.per_hour >= 1 else "",
                relabelled=percent(vote.relabels / vote.votes) if vote and vote.votes else NONE,
            )
        )
    return rows


def log_lines(
    caller: Caller,
    queue: ReviewQueue,
    dataset: Dataset,
    rows: Sequence[Any],
    base: str,
) -> list[LogLine]:
    """Verdicts in words. What others said of an item that is open stays untold to reviewers."""
    sees_all = queue.overlap == 1 or caller.role.includes(Role.engineer)
    return [
        _line(dataset, row, base, is_told=sees_all or row.state != ItemState.open) for row in rows
    ]


def _line(dataset: Dataset, row: Any, base: str, *, is_told: bool) -> LogLine:
    kind = VerdictKind(row.kind)
    becomes = None
    words = KIND_WORDS[kind]
    if not is_told and kind not in (VerdictKind.skip, VerdictKind.undo):
        words = "decided; told once the item is settled"
    elif kind is VerdictKind.relabel:
        becomes = verdict_text(dataset, row)
    notes = []
    if row.adjudicates:
        notes.append("as adjudicator")
    if row.batch_id is not None:
        notes.append("in a batch")
    if row.role == ItemRole.canary:
        notes.append("a canary: the label shown was wrong on purpose")
    if not row.counted:
        notes.append("not counted: others were faster")
    if row.is_undone:
        notes.append("taken back later")
    return LogLine(
        who=row.name,
        at=row.at,
        key=shortened(row.key, 24),
        url=f"{base}/items/{row.position}",
        given=given_text(dataset, row.given_label, row.given_target),
        words=words,
        becomes=becomes,
        is_undone=row.is_undone,
        comment=row.comment if is_told else None,
        note=", ".join(notes),
    )


@dataclass(frozen=True)
class AgreementRow:
    who: str
    other: str
    agreed: str
    items: int
    alpha: str


@dataclass(frozen=True)
class AgreementView:
    """How far people agree where several decided the same item."""

    words: str
    alpha_words: str
    people: list[AgreementRow]
    classes: list[AgreementRow]


def agreement_view(db: Session, caller: Caller, queue: ReviewQueue) -> AgreementView:
    found = figures.queue_agreement(db, caller, queue.id)
    if not found.items:
        return AgreementView("No item has verdicts of two people yet.", "", [], [])
    names = queries.names_of(
        db, [person for pair in found.people for person in (pair.first, pair.second)]
    )
    return AgreementView(
        words=f"All agree on {percent(found.agreed / found.items)} of "
        f"{plural(found.items, 'item')} that two or more decided.",
        alpha_words=_alpha_words(found),
        people=[
            _agreement_row(names[pair.first], names[pair.second], pair)
            for pair in found.people[:_PAIRS_SHOWN]
        ],
        classes=[
            _agreement_row(pair.given_label or NONE, pair.suggested_label or "", pair)
            for pair in found.classes[:_PAIRS_SHOWN]
        ],
    )


def _alpha_words(found: AgreementOut) -> str:
    if found.alpha is None:
        return "Krippendorff's alpha is not defined yet: all answers are of one kind."
    return f"Krippendorff's alpha is {_alpha(found.alpha)}; 1 is full agreement, 0 is chance's."


def _alpha(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _agreement_row(who: str, other: str, pair: Any) -> AgreementRow:
    return AgreementRow(
        who=who,
        other=other,
        agreed=percent(pair.agreed / pair.items),
        items=pair.items,
        alpha=_alpha(pair.alpha),
    )
