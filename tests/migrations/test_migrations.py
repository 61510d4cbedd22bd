from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from migrations.__main__ import migrate
from tests.migrations.steps import alembic


def test_models_and_migrations_agree(empty_database: str) -> None:
    migrate(empty_database)
    alembic(empty_database, "check")  # raises if autogenerate would find anything to do


def test_migrations_go_down_and_up_again(empty_database: str) -> None:
    migrate(empty_database)
    alembic(empty_database, "downgrade", "base")
    migrate(empty_database)
    alembic(empty_database, "check")


def test_several_processes_may_migrate_at_once(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [empty_database] * 4))
    alembic(empty_database, "check")


def test_a_database_that_does_not_answer_is_said_plainly() -> None:
    with pytest.raises(SystemExit, match="does not answer"):
        migrate("postgresql+psycopg://nobody@127.0.0.1:1/none", wait_s=0.1)


def test_a_database_of_a_newer_version_is_left_alone(empty_database: str) -> None:
    migrate(empty_database)
    engine = create_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SystemExit, match="newer version of Cleantrace: it has migration 9999"):
        migrate(empty_database)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    engine.dispose()
