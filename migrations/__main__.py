"""Wait for the database, then migrate it to the newest version.

Safe to run from several processes at once (an advisory lock serialises them) and again
(nothing happens then).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from app.settings import settings

_LOCK = 7_203_417_001  # any number; the same for every process that migrates


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    return made


def _connect(url: str, wait_s: float) -> Connection:
    deadline = time.monotonic() + wait_s
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    while True:
        try:
            return engine.connect()
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"The database does not answer: {error.orig}") from error
            time.sleep(0.2)


def migrate(url: str, *, wait_s: float = 60.0) -> None:
    """Bring the database at `url` to the newest version.

    Raises:
        SystemExit: the database did not answer within `wait_s` seconds, or is of a newer version.
    """
    with _connect(url, wait_s) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.commit()
        try:
            alembic = config()
            alembic.attributes["connection"] = connection
            _require_known(alembic, connection)
            command.upgrade(alembic, "head")
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()


def _require_known(alembic: Config, connection: Connection) -> None:
    scripts = ScriptDirectory.from_config(alembic)
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    connection.rollback()
    if unknown:
        raise SystemExit(
            f"The database is of a newer version of Cleantrace: it has migration {min(unknown)}, "
            f"and this version knows those up to {scripts.get_current_head()}. Run the newer "
            "version, or begin with another database (with `cleantrace up`, another --data-dir)."
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m migrations")
    parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait for Postgres")
    migrate(settings().database_url, wait_s=parser.parse_args().wait)


if __name__ == "__main__":
    main()
