"""People, keys and sign-in links from the command line, for operators: `python -m app.access`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import invitations, keys, members, people
from app.access.key_schemas import KeyOut
from app.access.models import Role
from app.access.people_schemas import PersonOut
from app.db import now, transaction
from app.errors import ProblemError
from app.projects.models import Project
from app.projects.service import ensure_project
from app.settings import settings
from cleantrace.reports.escaping import written_out


class Told(NamedTuple):
    """What a command prints: for people, or with --json an object on each line."""

    text: str
    values: list[dict[str, Any]]


_Command = Callable[[Session, Project, argparse.Namespace], Told]
_ALL = 1000


def _create_key(db: Session, project: Project, options: argparse.Namespace) -> Told:
    key = keys.create_key(
        db,
        project,
        name=options.name,
        role=Role(options.role),
        read_only=options.read_only,
        expires_at=now() + timedelta(days=options.days) if options.days else None,
    )
    return Told(key, [{"key": key}])


def _list_keys(db: Session, project: Project, _: argparse.Namespace) -> Told:
    rows, _more = keys.list_keys(db, project.id, after=None, limit=_ALL)
    text = "\n".join(
        "\t".join(
            [
                str(row.id),
                written_out(row.name),
                f"{row.role}, only reads" if row.read_only else row.role,
                f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "no end",
                f"used {row.last_used_at:%Y-%m-%d}" if row.last_used_at else "never used",
            ]
        )
        for row in rows
    )
    return Told(text, [KeyOut.model_validate(row).model_dump(mode="json") for row in rows])


def _revoke_key(db: Session, project: Project, options: argparse.Namespace) -> Told:
    keys.revoke_key_as_operator(db, project, options.id)
    return Told(f"The key {options.id} is revoked.", [{"id": str(options.id)}])


def _invite(db: Session, project: Project, options: argparse.Namespace) -> Told:
    made = invitations.invite_as_operator(
        db, project, role=Role(options.role), email=options.email, days=options.days
    )
    return _link_told(settings().public_url.rstrip("/") + made.path)


def _list_people(db: Session, project: Project, _: argparse.Namespace) -> Told:
    rows, _more = members.people_of(db, project.id, after=None, limit=_ALL)
    text = "\n".join(
        "\t".join([written_out(row.name), written_out(row.email or "-"), row.role]) for row in rows
    )
    return Told(text, [PersonOut.model_validate(row).model_dump(mode="json") for row in rows])


def _link(db: Session, project: Project, options: argparse.Namespace) -> Told:
    path = people.create_link_as_operator(db, project, options.email)
    return _link_told(settings().public_url.rstrip("/") + path)


def _link_told(url: str) -> Told:
    return Told(url, [{"url": url}])


def _owner_link(db: Session, project: Project, _: argparse.Namespace) -> Told:
    return _link_told(people.create_sign_in_link(db, project))


def _days(value: str) -> int:
    days = int(value)
    if not 1 <= days <= keys.LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"give 1 to {keys.LONGEST_DAYS} days")
    return days


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.access")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, work: _Command, what: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=what)
        command.add_argument("--project", default="default")
        command.add_argument("--json", action="store_true", help="print an object on each line")
        command.set_defaults(work=work)
        return command

    roles = [role.value for role in Role]
    key = add("create-key", _create_key, "print a new API key")
    key.add_argument("--name", default="unnamed")
    key.add_argument("--role", choices=roles, default="engineer")
    key.add_argument("--read-only", action="store_true")
    key.add_argument("--days", type=_days)
    add("list-keys", _list_keys, "print the keys that open something")
    add("revoke-key", _revoke_key, "end a key").add_argument("id", type=UUID)
    invite = add("invite", _invite, "print a link by which somebody joins")
    invite.add_argument("--role", choices=roles, default="reviewer")
    invite.add_argument("--email")
    invite.add_argument("--days", type=_days, default=invitations.DEFAULT_DAYS)
    add("list-people", _list_people, "print the project's people")
    add("link", _link, "print a link that signs a person in, once").add_argument("email")
    add("sign-in-link", _owner_link, "print a path that signs the owner in, once")
    return parser


def main() -> None:
    options = _parser().parse_args()
    try:
        with transaction() as db:
            told: Told = options.work(db, ensure_project(db, options.project), options)
    except ProblemError as error:
        print(f"{error.detail} {error.remedy or ''}", file=sys.stderr)
        # As the command line has it: what does not exist was named wrongly.
        raise SystemExit(2 if error.status in (404, 422) else 1) from error
    printed = "\n".join(map(json.dumps, told.values)) if options.json else told.text
    if printed:
        print(printed)


if __name__ == "__main__":
    main()
