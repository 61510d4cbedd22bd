"""The signing key from the command line, for operators: `python -m app.signing rotate`."""

from __future__ import annotations

import argparse
import json

from app.db import transaction
from app.errors import ProblemError
from app.signing.service import rotate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.signing")
    parser.add_argument("command", choices=["rotate"], help="sign with a new key from now on")
    parser.add_argument("--json", action="store_true", help="print an object")
    options = parser.parse_args()
    try:
        with transaction() as db:
            key = rotate(db)
    except ProblemError as error:
        raise SystemExit(f"{error.detail} {error.remedy or ''}") from error
    if options.json:
        print(json.dumps({"id": key.id, "public_key": key.public_key}))
    else:
        print(f"{key.id}\n{key.public_key}", end="")


if __name__ == "__main__":
    main()
