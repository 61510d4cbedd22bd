"""SQL of duties: who reviews and who adjudicates at queues, in person or by their groups."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import Row, delete, func, insert, literal, or_, select, text
from sqlalchemy.orm import Session

from app.access.models import ApiKey, Membership, Role
from app.reviews.models import Duty, GroupDuty, QueueDuty

_REVIEWS = [role.value for role in Role if role.includes(Role.reviewer)]
Duties = Iterable[tuple[uuid.UUID, Duty]]


def duties_sql(queue: str, me: str) -> str:
    """A query for a person's duties at a queue, a duty twice if they have it in two ways.

    Args:
        queue, me: how the statement around it writes the ids of both.
    """
    return f"""
        SELECT duty.duty FROM review_duties duty
        WHERE duty.queue_id = {queue} AND duty.principal_id = {me}
        UNION ALL
        SELECT duty.duty FROM review_group_duties duty
        JOIN group_members member ON member.group_id = duty.group_id
        WHERE duty.queue_id = {queue} AND member.person_id = {me}
    """  # noqa: S608 - no values in it


_DUTIES_OF = text(duties_sql(":queue", ":me"))


def duties_of(db: Session, queue_id: uuid.UUID, me: uuid.UUID) -> set[Duty]:
    found = db.scalars(_DUTIES_OF, {"queue": queue_id, "me": me})
    return {Duty(duty) for duty in found}


def duties(
    db: Session, queue_ids: Sequence[uuid.UUID]
) -> Sequence[Row[uuid.UUID, str, uuid.UUID, bool]]:
    """Rows of (queue's id, duty, whose, is_group)."""
    people = select(
        QueueDuty.queue_id,
        QueueDuty.duty,
        QueueDuty.principal_id.label("whose"),
        literal(False).label("is_group"),
    ).where(QueueDuty.queue_id.in_(queue_ids))
    groups = select(GroupDuty.queue_id, GroupDuty.duty, GroupDuty.group_id, literal(True)).where(
        GroupDuty.queue_id.in_(queue_ids)
    )
    return db.execute(people.union_all(groups).order_by("whose")).all()


def replace_duties(db: Session, queue_id: uuid.UUID, people: Duties, groups: Duties) -> None:
    db.execute(delete(QueueDuty).where(QueueDuty.queue_id == queue_id))
    db.execute(delete(GroupDuty).where(GroupDuty.queue_id == queue_id))
    of_people = [
        {"queue_id": queue_id, "principal_id": whose, "duty": duty.value} for whose, duty in people
    ]
    of_groups = [
        {"queue_id": queue_id, "group_id": whose, "duty": duty.value} for whose, duty in groups
    ]
    if of_people:
        db.execute(insert(QueueDuty), of_people)
    if of_groups:
        db.execute(insert(GroupDuty), of_groups)


def reviewers_among(
    db: Session, project_id: uuid.UUID, principals: Sequence[uuid.UUID]
) -> set[uuid.UUID]:
    """Those who may review in a project: people by their membership, keys by their role."""
    people = select(Membership.person_id).where(
        Membership.project_id == project_id,
        Membership.person_id.in_(principals),
        Membership.role.in_(_REVIEWS),
    )
    keys = select(ApiKey.id).where(
        ApiKey.project_id == project_id,
        ApiKey.id.in_(principals),
        ApiKey.role.in_(_REVIEWS),
        or_(ApiKey.revoked_at.is_(None), ApiKey.revoked_at > func.now()),
    )
    return set(db.scalars(people.union_all(keys)))
