"""Keys and sign-in links from the command line, for operators: `python -m app.access`."""

from __future__ import annotations

import argparse

from app.access import keys, people
from app.access.models import Role
from app.db import transaction
from app.errors import ProblemError
from app.projects.service import ensure_project


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.access")
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("create-key", help="print a new API key")
    key.add_argument("--name", default="unnamed")
    key.add_argument("--role", choices=[role.value for role in Role], default="engineer")
    link = commands.add_parser("sign-in-link", help="print a path that signs the owner in, once")
    for command in (key, link):
        command.add_argument("--project", default="default")
    options = parser.parse_args()
    try:
        with transaction() as db:
            project = ensure_project(db, options.project)
            if options.command == "create-key":
                printed = keys.create_key(db, project, name=options.name, role=Role(options.role))
            else:
                printed = people.create_sign_in_link(db, project)
    except ProblemError as error:
        raise SystemExit(f"{error.detail} {error.remedy or ''}") from error
    print(printed)


if __name__ == "__main__":
    main()
