"""What the pages of queues show: ready values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from markupsafe import Markup
from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.dashboard.charts import parts_bar
from app.dashboard.formatting import number, percent, plural, shortened
from app.dashboard.frame import project_url, with_query
from app.datasets.models import Dataset
from app.datasets.service import datasets_of
from app.reviews import queue_page_queries as page_queries
from app.reviews.models import Duty, OrderBy, ReviewQueue
from app.reviews.queue_schemas import QueueOut
from app.reviews.queues import describe_queues
from app.reviews.words import ORDER_NAMES, policy_words
from app.scans.views import dataset_title

_NAME_SHOWN = 40


def queue_url(caller: Caller, queue_id: UUID) -> str:
    return f"{project_url(caller)}/queues/{queue_id}"


@dataclass(frozen=True)
class Progress:
    """How far a queue is."""

    settled: int
    disputed: int
    skipped: int
    open: int
    whole: int
    share: str
    bar: Markup
    is_over: bool

    @property
    def words(self) -> str:
        """For whoever does not see the bar."""
        return (
            f"{number(self.settled)} of {plural(self.whole, 'item')} settled, "
            f"{number(self.disputed)} disputed, {number(self.open)} open"
        )


def progress_of(queue: QueueOut, skipped: int) -> Progress:
    left = queue.item_count - queue.done - queue.disputed
    return Progress(
        settled=queue.done,
        disputed=queue.disputed,
        skipped=skipped,
        open=left,
        whole=queue.item_count,
        share=percent(queue.done / queue.item_count) if queue.item_count else "",
        bar=parts_bar([("right", queue.done), ("suspect", queue.disputed)], queue.item_count),
        is_over=left == 0 and queue.disputed == 0,
    )


@dataclass(frozen=True)
class Mine:
    """What is the caller's to do at a queue."""

    words: str
    url: str | None
    """Where to do it; None if there is nothing for them."""
    action: str
    today: str
    may_adjudicate: bool


def mine_of(caller: Caller, queue: QueueOut, progress: Progress, at: Row[Any]) -> Mine:
    url = f"{queue_url(caller, queue.id)}/review"
    may_write = caller.role.includes(Role.reviewer) and not caller.read_only
    reviews = may_write and (not queue.is_assigned or Duty.review in at.my_duties)
    adjudicates = may_write and (
        Duty.adjudicate in at.my_duties or caller.role.includes(Role.engineer)
    )
    today = f"you decided {number(at.decided_today)} today" if at.decided_today else ""

    def mine(words: str, to: str | None = None, action: str = "") -> Mine:
        return Mine(words, to, action, today, adjudicates)

    if queue.closed_at is not None:
        return mine("Closed: nothing is given out.")
    if progress.is_over:
        return mine("All items are settled.")
    if reviews and at.held_by_me:
        return mine(f"You have {plural(at.held_by_me, 'item')} in hand.", url, "Go on")
    if reviews and progress.open > at.skipped_by_me:
        return mine("", url, "Review")
    if adjudicates and progress.disputed:
        to = with_query(url, adjudicate="true")
        return mine(f"{plural(progress.disputed, 'item')} to adjudicate.", to, "Adjudicate")
    if reviews and at.skipped_by_me:
        return mine(f"Only the {plural(at.skipped_by_me, 'item')} that you skipped are left.",
                    url, "Review")  # fmt: skip
    if reviews:
        return mine("Disputed items wait for an adjudicator.")
    if not may_write:
        return mine("You may look on.")
    return mine("Assigned to others.")


@dataclass(frozen=True)
class QueueCard:
    """A queue in the list."""

    id: str
    name: str
    url: str
    facts: list[str]
    is_closed: bool
    progress: Progress
    mine: Mine


def queue_cards(db: Session, caller: Caller, queues: Sequence[ReviewQueue]) -> list[QueueCard]:
    """Cards of the list, in four statements however many there are."""
    described = describe_queues(db, queues)
    datasets = datasets_of(db, (queue.dataset_id for queue in queues))
    at = page_queries.at_queues(db, [queue.id for queue in queues], caller.principal_id)
    return [_card(caller, queue, datasets[queue.dataset_id], at[queue.id]) for queue in described]


def _card(caller: Caller, queue: QueueOut, dataset: Dataset, at: Row[Any]) -> QueueCard:
    progress = progress_of(queue, at.skipped)
    return QueueCard(
        id=str(queue.id),
        name=queue.name,
        url=queue_url(caller, queue.id),
        facts=facts_of(queue, dataset, at),
        is_closed=queue.closed_at is not None,
        progress=progress,
        mine=mine_of(caller, queue, progress, at),
    )


def facts_of(queue: QueueOut, dataset: Dataset, at: Row[Any]) -> list[str]:
    """Where a queue comes from, and how it is worked at."""
    facts = [
        dataset_title(dataset),
        policy_words(queue.policy),
        f"by {ORDER_NAMES[OrderBy(queue.order_by)]}",
    ]
    if queue.overlap > 1:
        facts.append(f"{queue.overlap} people decide each")
    if not queue.show_suggestion:
        facts.append("suggestions hidden")
    if queue.audits:
        facts.append(f"{plural(queue.audits, 'audit')} mixed in")
    if queue.canaries:
        facts.append(f"up to {plural(queue.canaries, 'canary', 'canaries')}")
    if queue.is_assigned:
        people = len(queue.reviewers)
        named = [plural(people, "person", "people")] if people else []
        facts.append(f"assigned to {_listed([*_shortened(at.reviewing_groups), *named])}")
    if queue.adjudicator_groups:
        facts.append(f"adjudicated by {_listed(_shortened(at.adjudicating_groups))}")
    return facts


def _shortened(names: Sequence[str]) -> list[str]:
    return [shortened(name, _NAME_SHOWN) for name in names]


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
