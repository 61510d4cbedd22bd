"""Groups of a project's people.

A group says nothing of roles: whoever is in it may do what their own role allows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access import group_queries as queries
from app.access.errors import GroupAssigned, GroupExists, GroupInvalid, GroupNotFound
from app.access.models import Group
from app.access.people import plain_name
from app.access.service import Caller, audit
from app.paging import cut_page

_OFFERED = 500


@dataclass(frozen=True)
class GroupMemberRow:
    id: UUID
    name: str


@dataclass(frozen=True)
class ListedGroup:
    """A group with who is in it, by name."""

    id: UUID
    name: str
    created_at: datetime
    created_by: UUID
    members: list[GroupMemberRow] = field(default_factory=list)

    @property
    def people(self) -> list[UUID]:
        return [member.id for member in self.members]


def list_groups(
    db: Session, caller: Caller, *, after: tuple[datetime, UUID] | None = None, limit: int
) -> tuple[list[ListedGroup], str | None]:
    """A project's groups, the newest first."""
    rows = queries.groups(db, caller.project_id, after=after, limit=limit + 1)
    page, following = cut_page(rows, limit, lambda group: (group.created_at, group.id))
    return _listed(db, page), following


def groups_offered(db: Session, caller: Caller) -> list[ListedGroup]:
    """Those to choose from in a form, by name."""
    found, _ = list_groups(db, caller, limit=_OFFERED)
    return sorted(found, key=lambda group: group.name.casefold())


def get_group(db: Session, caller: Caller, group_id: UUID) -> ListedGroup:
    """Raises GroupNotFound."""
    found = queries.group(db, caller.project_id, group_id)
    if found is None:
        raise _not_found(group_id)
    return _listed(db, [found])[0]


def known_groups(db: Session, caller: Caller, group_ids: Collection[UUID]) -> set[UUID]:
    """Those that the project has. They stay until the transaction ends."""
    return queries.keep_groups(db, caller.project_id, group_ids) if group_ids else set()


def create_group(
    db: Session, caller: Caller, name: str, people: Collection[UUID] = ()
) -> ListedGroup:
    """Raises GroupInvalid, GroupExists."""
    plain, members = _checked_name(name), set(people)
    _require_people(db, caller, members)
    made = Group(project_id=caller.project_id, name=plain, created_by=caller.principal_id)
    try:
        with db.begin_nested():
            db.add(made)
    except IntegrityError as error:
        raise _exists(plain) from error
    queries.add_members(db, made, members)
    audit(db, caller, "create_group", f"group {made.id}", name=plain, people=_texts(members))
    return _listed(db, [made])[0]


def rename_group(db: Session, caller: Caller, group_id: UUID, name: str) -> None:
    """Raises GroupNotFound, GroupInvalid, GroupExists."""
    group = _locked(db, caller, group_id)
    before, after = group.name, _checked_name(name)
    if before == after:
        return
    try:
        with db.begin_nested():
            group.name = after
    except IntegrityError as error:
        raise _exists(after) from error
    audit(db, caller, "rename_group", f"group {group_id}", before=before, after=after)


def put_people(db: Session, caller: Caller, group_id: UUID, people: Collection[UUID]) -> None:
    """Say anew who is in a group. It counts from their next request on.

    Raises:
        GroupNotFound.
        GroupInvalid: somebody is not in the project.
    """
    group = _locked(db, caller, group_id)
    after = set(people)
    _require_people(db, caller, after)
    before = {row.person_id for row in queries.members(db, [group_id])}
    joined, left = after - before, before - after
    if not joined | left:
        return
    queries.remove_members(db, group, left)
    queries.add_members(db, group, joined)
    changes = {"joined": _texts(joined), "left": _texts(left)}
    audit(db, caller, "change_group", f"group {group_id}", **changes)


def delete_group(db: Session, caller: Caller, group_id: UUID) -> None:
    """Raises:
    GroupNotFound.
    GroupAssigned: it has work. Without it a queue would be nobody's, or everybody's.
    """
    group = _locked(db, caller, group_id)
    try:
        with db.begin_nested():
            db.delete(group)
    except IntegrityError as error:
        raise GroupAssigned(
            f"The group {group.name!r} is assigned to a review queue.",
            remedy="Take it out of the queue's settings first: "
            "the list of queues says which are assigned to it.",
        ) from error
    audit(db, caller, "delete_group", f"group {group_id}", name=group.name)


def _listed(db: Session, found: Sequence[Group]) -> list[ListedGroup]:
    listed = {
        group.id: ListedGroup(group.id, group.name, group.created_at, group.created_by)
        for group in found
    }
    for row in queries.members(db, listed.keys()) if listed else ():
        listed[row.group_id].members.append(GroupMemberRow(row.person_id, row.name))
    return list(listed.values())


def _locked(db: Session, caller: Caller, group_id: UUID) -> Group:
    found = queries.lock_group(db, caller.project_id, group_id)
    if found is None:
        raise _not_found(group_id)
    return found


def _require_people(db: Session, caller: Caller, people: set[UUID]) -> None:
    unknown = people - (queries.keep_people(db, caller.project_id, people) if people else set())
    if unknown:
        raise GroupInvalid(
            f"Nobody with the id {min(unknown)} is in this project.",
            field="people",
            remedy="Name people of the project: keys are in no group.",
        )


def _checked_name(name: str) -> str:
    plain = plain_name(name)
    if plain is None:
        raise GroupInvalid(
            "A name has 1 to 100 characters, all of them visible.",
            field="name",
            remedy="Say who they are, such as: night shift.",
        )
    return plain


def _texts(people: Collection[UUID]) -> list[str]:
    return [str(person) for person in sorted(people)]


def _exists(name: str) -> GroupExists:
    return GroupExists(
        f"The project has a group {name!r} already.", field="name", remedy="Choose another name."
    )


def _not_found(group_id: UUID) -> GroupNotFound:
    return GroupNotFound(
        f"There is no group with the id {group_id} in this project.",
        remedy="List the groups: it may have been deleted.",
    )
