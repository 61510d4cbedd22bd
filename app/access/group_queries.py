"""Every SQL statement about groups and who is in them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Row, delete, insert, select, tuple_
from sqlalchemy.orm import Session

from app.access.models import Group, GroupMember, Membership, Principal


def group(db: Session, project_id: uuid.UUID, group_id: uuid.UUID) -> Group | None:
    return db.scalar(select(Group).where(Group.project_id == project_id, Group.id == group_id))


def lock_group(db: Session, project_id: uuid.UUID, group_id: uuid.UUID) -> Group | None:
    """A group, with every other change of it held back until we commit."""
    return db.scalar(
        select(Group)
        .where(Group.project_id == project_id, Group.id == group_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def groups(
    db: Session, project_id: uuid.UUID, *, after: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[Group]:
    """A project's groups, the newest first."""
    asked = (
        select(Group)
        .where(Group.project_id == project_id)
        .order_by(Group.created_at.desc(), Group.id.desc())
        .limit(limit)
    )
    if after is not None:
        asked = asked.where(tuple_(Group.created_at, Group.id) < after)
    return db.scalars(asked).all()


def members(
    db: Session, group_ids: Collection[uuid.UUID]
) -> Sequence[Row[uuid.UUID, uuid.UUID, str]]:
    """Rows of (group's id, person's id, name), by name."""
    return db.execute(
        select(GroupMember.group_id, GroupMember.person_id, Principal.name)
        .join(Principal, Principal.id == GroupMember.person_id)
        .where(GroupMember.group_id.in_(group_ids))
        .order_by(Principal.name, GroupMember.person_id)
    ).all()


def groups_of_person(db: Session, project_id: uuid.UUID, person_id: uuid.UUID) -> list[str]:
    """Names of the groups that somebody is in."""
    return list(
        db.scalars(
            select(Group.name)
            .join(GroupMember, GroupMember.group_id == Group.id)
            .where(GroupMember.person_id == person_id, GroupMember.project_id == project_id)
            .order_by(Group.name)
        )
    )


def keep_people(
    db: Session, project_id: uuid.UUID, people: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Those who are in the project, and cannot leave it until we commit."""
    return set(
        db.scalars(
            select(Membership.person_id)
            .where(Membership.project_id == project_id, Membership.person_id.in_(people))
            .order_by(Membership.person_id)
            .with_for_update(read=True, key_share=True)
        )
    )


def keep_groups(
    db: Session, project_id: uuid.UUID, group_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Those that are the project's, and cannot be deleted until we commit."""
    return set(
        db.scalars(
            select(Group.id)
            .where(Group.project_id == project_id, Group.id.in_(group_ids))
            .order_by(Group.id)
            .with_for_update(read=True, key_share=True)
        )
    )


def add_members(db: Session, group: Group, people: Collection[uuid.UUID]) -> None:
    rows = [
        {"group_id": group.id, "person_id": person, "project_id": group.project_id}
        for person in sorted(people)
    ]
    if rows:
        db.execute(insert(GroupMember), rows)


def remove_members(db: Session, group: Group, people: Collection[uuid.UUID]) -> None:
    db.execute(
        delete(GroupMember).where(
            GroupMember.group_id == group.id, GroupMember.person_id.in_(people)
        )
    )
