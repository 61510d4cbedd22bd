"""Who is to review and to adjudicate at a queue: people, keys and groups."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.groups import known_groups
from app.access.service import Caller
from app.reviews import duty_queries as queries
from app.reviews.errors import GroupUnknown, PersonUnknown
from app.reviews.models import Duty
from app.reviews.queue_schemas import AssignIn, QueueIn


def is_assigned(body: AssignIn | QueueIn) -> bool:
    """Only some may review, not every reviewer of the project."""
    return bool(body.reviewers or body.reviewer_groups)


def assign(db: Session, caller: Caller, queue_id: UUID, body: AssignIn | QueueIn) -> None:
    """Replace the duties of a queue.

    Raises:
        PersonUnknown: somebody may not review in the project.
        GroupUnknown: the project has no such group.
    """
    _require_reviewers(db, caller, body)
    _require_groups(db, caller, body)
    queries.replace_duties(
        db,
        queue_id,
        people=_duties(body.reviewers, body.adjudicators),
        groups=_duties(body.reviewer_groups, body.adjudicator_groups),
    )


def _require_reviewers(db: Session, caller: Caller, body: AssignIn | QueueIn) -> None:
    asked = {*body.reviewers, *body.adjudicators}
    known = queries.reviewers_among(db, caller.project_id, list(asked)) if asked else set()
    for field in ("reviewers", "adjudicators"):
        unknown = set(getattr(body, field)) - known
        if unknown:
            raise PersonUnknown(
                f"Nobody with the id {min(unknown)} may review in this project.",
                field=field,
                remedy="Give people the role reviewer in the project first.",
            )


def _require_groups(db: Session, caller: Caller, body: AssignIn | QueueIn) -> None:
    known = known_groups(db, caller, {*body.reviewer_groups, *body.adjudicator_groups})
    for field in ("reviewer_groups", "adjudicator_groups"):
        unknown = set(getattr(body, field)) - known
        if unknown:
            raise GroupUnknown(
                f"There is no group with the id {min(unknown)} in this project.",
                field=field,
                remedy="Choose another: it may have been deleted.",
            )


def _duties(reviewers: Sequence[UUID], adjudicators: Sequence[UUID]) -> list[tuple[UUID, Duty]]:
    return [
        *((each, Duty.review) for each in sorted(set(reviewers))),
        *((each, Duty.adjudicate) for each in sorted(set(adjudicators))),
    ]
