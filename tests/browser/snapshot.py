"""All rows of the database, kept to be put back: what takes long to make is made once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table


def empty_tables() -> None:
    from app import db

    with db.engine().begin() as connection:
        _empty(connection)


def take() -> dict[str, bytes]:
    """The rows of each table, by its name."""
    from app.tables import metadata

    with _cursor() as (_, cursor):
        kept = {}
        for table in metadata.sorted_tables:
            with cursor.copy(f"COPY (SELECT {_columns(table)} FROM {table}) TO STDOUT") as copy:
                kept[table.name] = b"".join(bytes(part) for part in copy)
        return kept


def put_back(kept: dict[str, bytes]) -> None:
    """Nothing but these rows is there afterwards."""
    from app.tables import metadata

    with _cursor() as (connection, cursor):
        _empty(connection)
        for table in metadata.sorted_tables:
            with cursor.copy(f"COPY {table} ({_columns(table)}) FROM STDIN") as copy:
                copy.write(kept[table.name])


@contextmanager
def _cursor() -> Iterator[tuple[Connection, Any]]:
    from app import db

    with db.engine().begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            yield connection, cursor


def _empty(connection: Connection) -> None:
    from app.tables import metadata

    # The log refuses to be emptied; as a replica does, this connection passes triggers by.
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    for table in reversed(metadata.sorted_tables):
        connection.execute(table.delete())


def _columns(table: Table) -> str:
    return ", ".join(f'"{each.name}"' for each in table.columns if each.computed is None)
