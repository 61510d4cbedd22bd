"""What a project's queues come to, for its overview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import number, percent, plural
from app.reviews import outcome_queries as queries
from app.reviews.blindness import is_blind_to
from app.reviews.lead_view import Figure
from app.reviews.models import VerdictKind
from app.reviews.queue_view import QueueCard, queue_cards
from app.reviews.queues import list_queues

_COUNTED = 50


@dataclass(frozen=True)
class ProjectReviews:
    cards: list[QueueCard]
    """The newest that are not over."""
    figures: list[Figure]
    last_at: datetime | None


def project_reviews(db: Session, caller: Caller, shown: int) -> ProjectReviews:
    """In six statements, however many queues, items and people there are."""
    queues, more = list_queues(db, caller, limit=_COUNTED)
    ids = [queue.id for queue in queues]
    cards = queue_cards(db, caller, queues)
    counts = queries.outcome_counts(db, ids)
    team = queries.team(db, ids)
    wrong = sum(n for (_, kind), n in counts.items() if kind == VerdictKind.relabel)
    settled = sum(counts.values())
    open_cards = [card for card in cards if not (card.is_closed or card.progress.is_over)]
    left = sum(card.progress.open for card in open_cards)
    among = f"in the {_COUNTED} newest queues" if more else f"in {plural(len(queues), 'queue')}"
    figures = []
    if queues:
        found = f"{percent(wrong / settled)} of {number(settled)} settled" if settled else "so far"
        # What counts there is no canary: whoever reviews blindly is not to see it rise.
        is_blind = any(is_blind_to(caller, queue) for queue in queues)
        wrong_labels = Figure("wrong labels found", number(wrong), f"{found}, {among}")
        figures = [
            *([] if is_blind else [wrong_labels]),
            Figure("open items", number(left), f"in {plural(len(open_cards), 'open queue')}"),
            Figure(
                "decided today",
                number(team.today),
                f"by {plural(team.people_today, 'person', 'people')}"
                + (f", now {number(team.per_hour)} an hour" if team.per_hour >= 1 else ""),
            ),
        ]
    return ProjectReviews(open_cards[:shown], figures, team.last_at)
