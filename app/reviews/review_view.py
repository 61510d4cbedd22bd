"""What the review page shows of items, in as many statements for ten items as for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.dashboard.charts import share_bar
from app.dashboard.formatting import percent, real, unbroken
from app.dashboard.frame import project_url
from app.datasets.models import Task
from app.datasets.service import label_name
from app.datasets.shown import Shown, shown_examples
from app.evidence.service import has_evidence
from app.reviews import duty_queries, queue_queries
from app.reviews import review_queries as queries
from app.reviews.blindness import is_blind_to, visible
from app.reviews.choices import Choice, likely_first
from app.reviews.models import (
    Duty,
    ItemState,
    ReviewItem,
    ReviewQueue,
    ReviewVerdict,
    SettledBy,
    VerdictKind,
)
from app.reviews.odd_cells import odd_cells
from app.scans import results, words
from app.scans.results import Results
from app.scans.schemas import FlagOut, ScoreOut

_VERDICTS_SHOWN = 200
_SHORT_LABEL = 6


@dataclass(frozen=True)
class ChoiceView:
    label: str
    share: str | None
    bar: Markup | None
    is_given: bool
    is_suggested: bool


@dataclass(frozen=True)
class VerdictView:
    who: str
    says: str
    at: datetime
    comment: str | None
    note: str | None
    """Why it does not count, if so."""


@dataclass(frozen=True)
class ItemView:
    position: int
    key: str
    url: str
    shown: Shown
    odd: dict[int, str]
    given: str
    suggested: str | None
    """In words; None if there is none or the queue hides it."""
    suggested_exactly: str | None
    """As the API takes it: a class, or a number in full."""
    suggested_share: str | None
    is_regression: bool
    choices: list[ChoiceView]
    has_long_choices: bool
    suspicion: str | None
    is_flagged: bool
    reasons: list[str]
    evidence_url: str | None
    is_open: bool
    is_settled: bool
    """There is nothing for the caller to decide, nor to change."""
    outcome: str | None
    mine: VerdictKind | None
    mine_label: str | None
    """The class or the number of the caller's standing verdict, as the API takes it."""
    verdicts: list[VerdictView] | None
    """None: not for the caller to see, before they have decided."""


@dataclass(frozen=True)
class Counts:
    today: int
    """Decided by the caller today."""
    done: int
    of: int
    disputed: int


@dataclass(frozen=True)
class MayDo:
    reviews: bool
    adjudicates: bool


def queue_url(caller: Caller, queue: ReviewQueue) -> str:
    return f"{project_url(caller)}/queues/{queue.id}"


def counts_of(db: Session, caller: Caller, queue: ReviewQueue) -> Counts:
    row = queue_queries.settled_counts(db, [queue.id]).get(queue.id)
    return Counts(
        today=queries.decided_today(db, queue.id, caller.principal_id),
        done=row.done if row else 0,
        of=queue.whole,
        disputed=row.disputed if row else 0,
    )


def may_do(db: Session, caller: Caller, queue: ReviewQueue) -> MayDo:
    if not caller.role.includes(Role.reviewer) or caller.read_only:
        return MayDo(reviews=False, adjudicates=False)
    duties = duty_queries.duties_of(db, queue.id, caller.principal_id)
    return MayDo(
        reviews=not queue.is_assigned or Duty.review in duties,
        adjudicates=Duty.adjudicate in duties or caller.role.includes(Role.engineer),
    )


def item_views(
    db: Session, caller: Caller, queue: ReviewQueue, found: Results, positions: Sequence[int]
) -> list[ItemView]:
    """Those of the items that the queue has and the caller may see, in the order asked for.

    Args:
        found: the results that order the queue now.
    """
    rows = {
        row.ReviewItem.position: row
        for row in queries.items_at(db, queue, positions, caller.principal_id)
    }
    told = visible(db, caller, queue, list(rows))
    there = [position for position in dict.fromkeys(positions) if position in told]
    if not there:
        return []
    scores = {score.position: score for score in results.scores_at(db, found, there)}
    flags = results.flags_of(db, found, list(scores.values()))
    settled = [position for position in there if _tells_verdicts(caller, rows[position])]
    verdicts = queries.verdicts_on(db, queue.id, settled, _VERDICTS_SHOWN) if settled else []
    by_position: dict[int, list[VerdictView]] = {position: [] for position in settled}
    for each in verdicts:
        by_position[each.ReviewVerdict.position].append(_verdict_view(found, each))
    shown = shown_examples(found.dataset, project_url(caller), there)
    return [
        _item_view(
            caller,
            queue,
            found,
            rows[position],
            scores.get(position),
            flags.get(position),
            content,
            by_position.get(position),
        )
        for position, content in zip(there, shown, strict=True)
    ]


def _tells_verdicts(caller: Caller, row: Row[*tuple[Any, ...]]) -> bool:
    """Whoever is still to decide is not to be led by what others decided."""
    has_decided = row.vote_kind not in (None, VerdictKind.skip)
    if has_decided or row.adjudicates or row.ReviewItem.state == ItemState.done:
        return True
    is_deciding = row.adjudicates is False
    return caller.role.includes(Role.engineer) and not is_deciding


def _is_blind(caller: Caller, queue: ReviewQueue, row: Row[*tuple[Any, ...]]) -> bool:
    """Whoever has an item of a blind queue in hand is to judge it by itself."""
    return is_blind_to(caller, queue) or (queue.is_blind and row.adjudicates is not None)


def _item_view(
    caller: Caller,
    queue: ReviewQueue,
    found: Results,
    row: Row[*tuple[Any, ...]],
    score: ScoreOut | None,
    flag: FlagOut | None,
    shown: Shown,
    verdicts: list[VerdictView] | None,
) -> ItemView:
    item: ReviewItem = row.ReviewItem
    is_regression = found.dataset.task == Task.regression
    is_blind = _is_blind(caller, queue, row)
    if is_blind:
        score = flag = None
    suggests = queue.show_suggestion and not is_blind
    url = f"{queue_url(caller, queue)}/items/{item.position}"
    given = _label_text(found, item.given_label, row.given_target)
    suggested_label = label_name(found.dataset, item.suggested_label) if suggests else None
    suggested_value = item.suggested_value if suggests and is_regression else None
    share = score.probability if score and score.predicted_label == suggested_label else None
    mine = VerdictKind(row.vote_kind) if row.vote_kind else None
    choices = [] if is_regression else _choices(found, item, score, suggested_label)
    return ItemView(
        position=item.position,
        key=row.key,
        url=url,
        shown=shown,
        odd=odd_cells(found.dataset, item.position),
        given=given,
        suggested=real(suggested_value) if suggested_value is not None else suggested_label,
        suggested_exactly=repr(suggested_value) if suggested_value is not None else suggested_label,
        suggested_share=percent(share) if share is not None else None,
        is_regression=is_regression,
        choices=[_choice_view(choice) for choice in choices],
        has_long_choices=any(len(choice.label) > _SHORT_LABEL for choice in choices),
        suspicion=real(score.suspicion) if score and score.suspicion is not None else None,
        is_flagged=flag is not None,
        reasons=[] if is_blind else _reasons(found, score, flag, given, suggests=suggests),
        evidence_url=f"{url}/evidence" if suggests and has_evidence(found) else None,
        is_open=item.state == ItemState.open,
        is_settled=item.state != ItemState.open and mine is None and not row.adjudicates,
        outcome=_outcome(found, item),
        mine=mine,
        mine_label=_exactly(found, row.vote_label, row.vote_value),
        verdicts=verdicts,
    )


def _choices(
    found: Results, item: ReviewItem, score: ScoreOut | None, suggested: str | None
) -> list[Choice]:
    given = label_name(found.dataset, item.given_label)
    shares: dict[str, float | None] = {}
    if score is not None:
        if given is not None:
            shares[given] = score.given_probability
        if score.predicted_label is not None:
            shares[score.predicted_label] = score.probability
    pairs = (found.scan.summary or {}).get("pairs", [])
    return likely_first(
        found.dataset.classes or [],
        given,
        suggested=suggested,
        shares=shares,
        often=[pair["suggested"] for pair in pairs if pair["given"] == given],
    )


def _choice_view(choice: Choice) -> ChoiceView:
    return ChoiceView(
        label=choice.label,
        share=None if choice.share is None else percent(choice.share),
        bar=None if choice.share is None else share_bar(choice.share, "plain"),
        is_given=choice.is_given,
        is_suggested=choice.is_suggested,
    )


def _reasons(
    found: Results, score: ScoreOut | None, flag: FlagOut | None, given: str, *, suggests: bool
) -> list[str]:
    if score is None:
        return ["The scan that orders the queue has no score of it."]
    ranked = found.scan.example_count - ((found.scan.summary or {}).get("non_finite") or 0)
    reasons = [words.suspicion_words(score.rank, score.suspicion, ranked)]
    if not suggests:
        # A flag's reason names what the model says.
        return reasons
    if flag is not None:
        reasons.insert(0, unbroken(flag.reason))
    if score.given_probability is not None and score.predicted_label != score.given_label:
        reasons.append(
            f"The model gives the label {given} a chance of {percent(score.given_probability)}."
        )
    return reasons


def _verdict_view(found: Results, row: Row[ReviewVerdict, str, bool]) -> VerdictView:
    verdict = row.ReviewVerdict
    note = None
    if row.is_undone:
        note = "taken back"
    elif not verdict.counted:
        note = "not counted: others had decided it"
    says = verdict_words(
        VerdictKind(verdict.kind), _label_text(found, verdict.label, verdict.value)
    )
    if verdict.adjudicates:
        says += ", as an adjudicator"
    if verdict.batch_id is not None:
        says += ", with others at once"
    return VerdictView(row.name, says, verdict.at, verdict.comment, note)


def verdict_words(kind: VerdictKind, label: str) -> str:
    """What a verdict says, without who."""
    match kind:
        case VerdictKind.right:
            return f"the label {label} is right"
        case VerdictKind.relabel:
            return f"relabel to {label}"
        case VerdictKind.unusable:
            return "not usable"
        case VerdictKind.unsure:
            return "unsure"
        case VerdictKind.skip:
            return "skipped"
        case VerdictKind.undo:
            return "took a verdict back"


def _outcome(found: Results, item: ReviewItem) -> str | None:
    """What an item that needs no more verdicts came to."""
    if item.state == ItemState.disputed:
        return "The reviewers do not agree: it waits for an adjudicator."
    if item.outcome is None or item.settled_by is None:
        return None
    by = {
        SettledBy.consensus: "by its reviewers",
        SettledBy.adjudication: "by an adjudicator",
        SettledBy.batch: "with others at once",
    }[SettledBy(item.settled_by)]
    label = _label_text(found, item.outcome_label, item.outcome_value)
    return f"Settled {by}: {verdict_words(VerdictKind(item.outcome), label)}."


def _label_text(found: Results, label: int | None, value: float | None) -> str:
    name = label_name(found.dataset, label)
    return name if name is not None else real(value)


def _exactly(found: Results, label: int | None, value: float | None) -> str | None:
    if value is not None:
        return repr(value)
    return label_name(found.dataset, label)
