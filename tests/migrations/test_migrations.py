from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from cleantrace.standalone import PostgresServer
from migrations.__main__ import config, migrate


@pytest.fixture
def empty_database(postgres: PostgresServer) -> str:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS migrating")
        connection.execute("CREATE DATABASE migrating")
    return postgres.url_for("migrating").replace("postgresql://", "postgresql+psycopg://")


def _alembic(url: str, run: str, *arguments: str) -> None:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            alembic: Config = config()
            alembic.attributes["connection"] = connection
            getattr(command, run)(alembic, *arguments)
    finally:
        engine.dispose()


def test_models_and_migrations_agree(empty_database: str) -> None:
    migrate(empty_database)
    _alembic(empty_database, "check")  # raises if autogenerate would find anything to do


def test_migrations_go_down_and_up_again(empty_database: str) -> None:
    migrate(empty_database)
    _alembic(empty_database, "downgrade", "base")
    migrate(empty_database)
    _alembic(empty_database, "check")


def test_several_processes_may_migrate_at_once(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [empty_database] * 4))
    _alembic(empty_database, "check")


def test_a_database_that_does_not_answer_is_said_plainly() -> None:
    with pytest.raises(SystemExit, match="does not answer"):
        migrate("postgresql+psycopg://nobody@127.0.0.1:1/none", wait_s=0.1)
