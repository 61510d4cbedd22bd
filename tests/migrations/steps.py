"""Steps that tests of migrations share."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from migrations.__main__ import config


def alembic(url: str, run: str, *arguments: str) -> None:
    """Run one of alembic's commands on the database at `url`."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            made: Config = config()
            made.attributes["connection"] = connection
            getattr(command, run)(made, *arguments)
    finally:
        engine.dispose()
