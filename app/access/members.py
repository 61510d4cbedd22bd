"""What admins do with a project's people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import group_queries, people, people_queries
from app.access.errors import LastAdmin, NotAllowed, PersonNotFound
from app.access.models import Membership, Role
from app.access.people_queries import MemberRow
from app.access.service import Caller, audit
from app.paging import cut_page


def list_people(
    db: Session, caller: Caller, *, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[MemberRow], str | None]:
    """A project's people, those who joined last first."""
    return people_of(db, caller.project_id, after=after, limit=limit)


def people_of(
    db: Session, project_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[MemberRow], str | None]:
    """The same for an operator."""
    rows = people_queries.members(db, project_id, after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda row: (row.since, row.id))


def change_role(db: Session, caller: Caller, person_id: UUID, role: Role) -> None:
    """It counts from the person's next request on.

    Raises:
        PersonNotFound: nobody of this id is in the project.
        LastAdmin: the project would be without an admin.
    """
    member = _member(db, caller, person_id)
    before = Role(member.role)
    if before is role:
        return
    if before is Role.admin:
        _require_another_admin(db, caller)
    member.role = role.value
    audit(db, caller, "change_role", f"person {person_id}", before=before.value, after=role.value)


def remove(db: Session, caller: Caller, person_id: UUID) -> None:
    """Take somebody out of the project and its groups; what they did stays theirs.

    Raises:
        PersonNotFound: nobody of this id is in the project.
        LastAdmin: the project would be without an admin.
    """
    member = _member(db, caller, person_id)
    if Role(member.role) is Role.admin:
        _require_another_admin(db, caller)
    groups = group_queries.groups_of_person(db, caller.project_id, person_id)
    db.delete(member)
    db.flush()
    audit(db, caller, "remove_person", f"person {person_id}", role=member.role, groups=groups)


def create_sign_in_link(db: Session, caller: Caller, person_id: UUID) -> str:
    """A link that lets a person in who lost their password; returns its path.

    Whoever holds it is that person everywhere. So the caller must be an admin of every project
    that the person is in.

    Raises:
        PersonNotFound: nobody of this id is in the project.
        NotAllowed: the person is also where the caller is no admin.
    """
    _member(db, caller, person_id)
    mine = people_queries.administered_by(db, caller.principal_id) | {caller.project_id}
    if not people_queries.projects_of(db, person_id) <= mine:
        raise NotAllowed(
            "This person is also in projects where you are no admin: a link would open those too.",
            remedy="Ask the operator of the service: cleantrace people link EMAIL.",
        )
    audit(db, caller, "create_sign_in_link", f"person {person_id}")
    return people.add_sign_in_link(db, person_id, caller.project_id)


def _member(db: Session, caller: Caller, person_id: UUID) -> Membership:
    found = people_queries.lock_membership(db, caller.project_id, person_id)
    if found is None:
        raise PersonNotFound(
            f"Nobody with the id {person_id} is in this project.",
            remedy="List the people of the project: they may have been removed.",
        )
    return found


def _require_another_admin(db: Session, caller: Caller) -> None:
    if people_queries.admin_count(db, caller.project_id) < 2:
        raise LastAdmin(
            "This is the project's last admin: nobody could let people in any more.",
            remedy="Make somebody else an admin first.",
        )
