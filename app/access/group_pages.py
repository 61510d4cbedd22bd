"""The groups of a project's people, for its admins."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.access import groups, members
from app.access.errors import GroupAssigned, GroupExists, GroupInvalid
from app.access.guards import FormAdmin, PageAdmin
from app.access.service import Caller
from app.dashboard.formatting import plural, shortened
from app.dashboard.frame import Place, page, project_url, with_query
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.paging import decode_time_cursor

router = APIRouter(prefix="/groups", include_in_schema=False)
_SHOWN = 50
_NAMED = 8
_PEOPLE_OFFERED = 500
_SAID = {
    "made": "The group is made. Tick who is in it.",
    "name": "The group has its new name.",
    "people": "Who is in the group is changed. It counts at once.",
    "deleted": "The group is deleted. Its people stay in the project.",
}
_Name = Annotated[str, Form(max_length=1000)]
_People = Annotated[list[UUID], Form()]


@router.get("")
def list_groups(
    caller: PageAdmin, db: ReadSession, after: str | None = None, done: str = ""
) -> Response:
    return _list_page(db, caller, after=after, done=_SAID.get(done))


@router.post("")
def create_group(caller: FormAdmin, db: WriteSession, name: _Name = "") -> Response:
    try:
        made = groups.create_group(db, caller, name)
    except (GroupExists, GroupInvalid) as error:
        return _list_page(db, caller, problem=error, name=name)
    return _to_group(caller, made.id, "made")


@router.get("/{group_id}")
def show_group(group_id: UUID, caller: PageAdmin, db: ReadSession, done: str = "") -> Response:
    """Raises GroupNotFound."""
    return _group_page(db, caller, group_id, done=_SAID.get(done))


@router.post("/{group_id}/name")
def rename_group(group_id: UUID, caller: FormAdmin, db: WriteSession, name: _Name = "") -> Response:
    """Raises GroupNotFound."""
    try:
        groups.rename_group(db, caller, group_id, name)
    except (GroupExists, GroupInvalid) as error:
        return _group_page(db, caller, group_id, problem=error, name=name)
    return _to_group(caller, group_id, "name")


@router.post("/{group_id}/people")
def put_people(
    group_id: UUID,
    caller: FormAdmin,
    db: WriteSession,
    people: _People = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Raises GroupNotFound."""
    try:
        groups.put_people(db, caller, group_id, people)
    except GroupInvalid as error:
        return _group_page(db, caller, group_id, problem=error)
    return _to_group(caller, group_id, "people")


@router.post("/{group_id}/delete")
def delete_group(group_id: UUID, caller: FormAdmin, db: WriteSession) -> Response:
    """Raises GroupNotFound."""
    try:
        groups.delete_group(db, caller, group_id)
    except GroupAssigned as error:
        return _group_page(db, caller, group_id, problem=error)
    return RedirectResponse(with_query(f"{project_url(caller)}/groups", done="deleted"), 303)


def _to_group(caller: Caller, group_id: UUID, done: str) -> Response:
    url = f"{project_url(caller)}/groups/{group_id}"
    return RedirectResponse(with_query(url, done=done), 303)


def _told(problem: ProblemError | None) -> dict[str, object] | None:
    return None if problem is None else {"remedy": None} | problem.as_problem()


def _list_page(
    db: Session,
    caller: Caller,
    *,
    after: str | None = None,
    done: str | None = None,
    problem: ProblemError | None = None,
    name: str = "",
) -> Response:
    rows, following = groups.list_groups(db, caller, after=decode_time_cursor(after), limit=_SHOWN)
    url = f"{project_url(caller)}/groups"
    return page(
        "access/groups.html",
        title="Groups",
        caller=caller,
        section="people",
        groups=[(group, _members_in_words(group)) for group in rows],
        first_url=url if after else None,
        next_url=with_query(url, after=following) if following else None,
        done=done,
        problem=_told(problem),
        name=name,
        status=200 if problem is None else problem.status,
    )


def _members_in_words(group: groups.ListedGroup) -> str:
    named = [shortened(member.name, 40) for member in group.members[:_NAMED]]
    more = len(group.members) - len(named)
    return ", ".join(named) + (f" and {plural(more, 'other')}" if more else "")


def _group_page(
    db: Session,
    caller: Caller,
    group_id: UUID,
    *,
    done: str | None = None,
    problem: ProblemError | None = None,
    name: str | None = None,
) -> Response:
    group = groups.get_group(db, caller, group_id)
    people, _ = members.list_people(db, caller, after=None, limit=_PEOPLE_OFFERED)
    inside = set(group.people)
    offered = {person.id: (person.name, person.email or person.role) for person in people}
    # Whoever is not offered must stay ticked, or changing another would take them out.
    offered |= {each.id: (each.name, "") for each in group.members if each.id not in offered}
    url = f"{project_url(caller)}/groups"
    return page(
        "access/group.html",
        title=shortened(group.name),
        caller=caller,
        section="people",
        crumbs=(Place("groups", url), Place(shortened(group.name))),
        group=group,
        url=f"{url}/{group_id}",
        people=[(each, *shown, each in inside) for each, shown in offered.items()],
        done=done,
        problem=_told(problem),
        is_name_wrong=name is not None,
        name=group.name if name is None else name,
        status=200 if problem is None else problem.status,
    )
