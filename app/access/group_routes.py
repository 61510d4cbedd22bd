"""Groups of a project's people, over HTTP."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from app.access import groups
from app.access.errors import GroupAssigned, GroupExists, GroupInvalid, GroupNotFound
from app.access.group_schemas import GroupIn, GroupNameIn, GroupOut, GroupPeopleIn
from app.access.guards import Admin
from app.access.idempotency import OnceOnly
from app.db import ReadSession, WriteSession
from app.errors import problems
from app.paging import PageAfter, PageLimit, decode_time_cursor
from app.schemas import Page

router = APIRouter(prefix="/groups", tags=["people"])


@router.get("", response_model=Page[GroupOut])
def list_groups(
    caller: Admin, db: ReadSession, after: PageAfter = None, limit: PageLimit = 100
) -> Page[GroupOut]:
    """The project's groups, the newest first."""
    rows, following = groups.list_groups(db, caller, after=decode_time_cursor(after), limit=limit)
    return Page(items=[GroupOut.model_validate(row) for row in rows], next=following)


@router.post(
    "",
    status_code=201,
    response_model=GroupOut,
    responses=problems(GroupExists, GroupInvalid),
)
def create_group(body: GroupIn, caller: Admin, db: WriteSession, once: OnceOnly) -> GroupOut:
    """Make a group of people, to whom review queues can be assigned together."""
    return once.run(
        db,
        caller,
        GroupOut,
        lambda: GroupOut.model_validate(
            groups.create_group(db, caller, body.name, body.people),
        ),
    )


@router.get("/{group_id}", response_model=GroupOut, responses=problems(GroupNotFound))
def get_group(group_id: UUID, caller: Admin, db: ReadSession) -> GroupOut:
    return GroupOut.model_validate(groups.get_group(db, caller, group_id))


@router.patch(
    "/{group_id}", status_code=204, responses=problems(GroupNotFound, GroupExists, GroupInvalid)
)
def rename_group(group_id: UUID, body: GroupNameIn, caller: Admin, db: WriteSession) -> None:
    groups.rename_group(db, caller, group_id, body.name)


@router.put("/{group_id}/people", status_code=204, responses=problems(GroupNotFound, GroupInvalid))
def put_people(group_id: UUID, body: GroupPeopleIn, caller: Admin, db: WriteSession) -> None:
    """Say who is in it; it counts from their next request on."""
    groups.put_people(db, caller, group_id, body.people)


@router.delete("/{group_id}", status_code=204, responses=problems(GroupNotFound, GroupAssigned))
def delete_group(group_id: UUID, caller: Admin, db: WriteSession) -> None:
    """Refused as long as it reviews or adjudicates in a queue."""
    groups.delete_group(db, caller, group_id)
