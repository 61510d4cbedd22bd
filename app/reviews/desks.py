"""A caller at a queue: what they may do there, with their desk locked."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.reviews import claim_queries as queries
from app.reviews.at_queue import Entered
from app.reviews.errors import NotAdjudicator, NotAssigned
from app.reviews.queues import get_queue, queue_not_found
from app.scans.errors import ClassUnknown


@dataclass(frozen=True)
class AtDesk(Entered):
    """A caller at a queue. Until the transaction ends, nothing of theirs there can change."""

    caller: Caller

    @property
    def me(self) -> UUID:
        return self.caller.principal_id

    @property
    def may_adjudicate(self) -> bool:
        return self.has_adjudication_duty or self.caller.role.includes(Role.engineer)

    def require_reviewer(self) -> None:
        if self.queue.is_assigned and not self.has_review_duty:
            raise NotAssigned(
                f"The queue {self.queue.name!r} is assigned to others.",
                remedy="Ask an engineer to assign you, or choose another queue.",
            )

    def require_adjudicator(self) -> None:
        if not self.may_adjudicate:
            raise NotAdjudicator(
                f"Only adjudicators settle disagreement in the queue {self.queue.name!r}.",
                remedy="Ask an engineer to name you one.",
            )

    def class_index(self, name: str, field: str = "label") -> int:
        """Raises ClassUnknown."""
        if name not in self.classes:
            raise ClassUnknown(
                f"The dataset has no class {name!r}.",
                field=field,
                remedy=f"Its classes are: {', '.join(self.classes[:20])}"
                + (", …." if len(self.classes) > 20 else "."),
            )
        return self.classes.index(name)

    def class_name(self, label: int | None) -> str | None:
        return None if label is None or self.is_regression else self.classes[label]


def sit_down(db: Session, caller: Caller, queue_id: UUID) -> AtDesk:
    """Lock the caller's desk, made at the first visit.

    Raises:
        QueueNotFound.
    """
    me = caller.principal_id
    entered = queries.enter(db, caller.project_id, queue_id, me)
    if entered is None:
        queries.add_desk(db, queue_id, me, get_queue(db, caller, queue_id).epoch)
        entered = queries.enter(db, caller.project_id, queue_id, me)
    if entered is None:
        raise queue_not_found(queue_id)
    return AtDesk(**vars(entered), caller=caller)
