"""People, keys and sign-in links from the command line, for operators: `python -m app.access`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import invitations, keys, members, people
from app.access.models import Role
from app.db import now, transaction
from app.errors import ProblemError
from app.projects.models import Project
from app.projects.service import ensure_project
from app.settings import settings

_Command = Callable[[Session, Project, argparse.Namespace], str]
_ALL = 1000


def _create_key(db: Session, project: Project, options: argparse.Namespace) -> str:
    return keys.create_key(
        db,
        project,
        name=options.name,
        role=Role(options.role),
        read_only=options.read_only,
        expires_at=now() + timedelta(days=options.days) if options.days else None,
    )


def _list_keys(db: Session, project: Project, _: argparse.Namespace) -> str:
    rows, _more = keys.list_keys(db, project.id, after=None, limit=_ALL)
    return "\n".join(
        "\t".join(
            [
                str(row.id),
                row.name,
                f"{row.role}, only reads" if row.read_only else row.role,
                f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "no end",
                f"used {row.last_used_at:%Y-%m-%d}" if row.last_used_at else "never used",
            ]
        )
        for row in rows
    )


def _revoke_key(db: Session, project: Project, options: argparse.Namespace) -> str:
    keys.revoke_key_as_operator(db, project, options.id)
    return f"The key {options.id} is revoked."


def _invite(db: Session, project: Project, options: argparse.Namespace) -> str:
    made = invitations.invite_as_operator(
        db, project, role=Role(options.role), email=options.email, days=options.days
    )
    return settings().public_url.rstrip("/") + made.path


def _list_people(db: Session, project: Project, _: argparse.Namespace) -> str:
    rows, _more = members.people_of(db, project.id, after=None, limit=_ALL)
    return "\n".join("\t".join([row.name, row.email or "-", row.role]) for row in rows)


def _link(db: Session, project: Project, options: argparse.Namespace) -> str:
    path = people.create_link_as_operator(db, project, options.email)
    return settings().public_url.rstrip("/") + path


def _owner_link(db: Session, project: Project, _: argparse.Namespace) -> str:
    return people.create_sign_in_link(db, project)


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
            printed = options.work(db, ensure_project(db, options.project), options)
    except ProblemError as error:
        raise SystemExit(f"{error.detail} {error.remedy or ''}") from error
    if printed:
        print(printed)


if __name__ == "__main__":
    main()
