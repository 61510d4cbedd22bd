"""The engine, sessions, and the one place where a transaction is committed.

Services only `flush()`. A request commits in `write_session`, a job in `transaction`: both
send their nudges after the commit, so that a rollback drops them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar

import psycopg
from fastapi import Depends
from psycopg.rows import namedtuple_row
from sqlalchemy import DateTime, Engine, MetaData, Uuid, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app import nudges
from app.errors import DatabaseUnavailable, raises
from app.settings import settings

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {
        datetime: DateTime(timezone=True),
        uuid.UUID: Uuid(),
        # Without `none_as_null` a None would be stored as the JSON value null.
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> uuid.UUID:
    return uuid.uuid4()


def id_column() -> Mapped[uuid.UUID]:
    return mapped_column(primary_key=True, default=new_id)


@cache
def engine() -> Engine:
    # A connection that died with the server is found out before use, not by the user's request.
    return create_engine(
        settings().database_url,
        pool_pre_ping=True,
        # The connection used last is the one whose statements and tables the server has at hand.
        pool_use_lifo=True,
        pool_size=settings().database_pool,
        max_overflow=settings().database_pool,
        connect_args={"connect_timeout": 5, "application_name": "cleantrace"},
    )


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction of a job: commits at the end, then sends the nudges it asked for."""
    with Session(engine(), expire_on_commit=False) as session:
        with session.begin():
            yield session
        nudges.send_pending(session)


@contextmanager
def reading() -> Iterator[Session]:
    """A read-only transaction, for jobs and for streams that outlive a request's session."""
    read_only = engine().execution_options(postgresql_readonly=True)
    with Session(read_only, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading_one_moment() -> Iterator[Session]:
    """The same, where all statements see the database as it was at the first."""
    snapshot = engine().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    with Session(snapshot, expire_on_commit=False) as session, session.begin():
        yield session


def copy_csv(db: Session, table: str, columns: Sequence[str], chunks: Iterable[bytes]) -> None:
    """COPY rows in, as CSV lines with these columns; an empty field is NULL."""
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
    cursor = db.connection().connection.cursor()
    with cursor.copy(statement) as copy:
        for chunk in chunks:
            copy.write(chunk)


def copy_out(db: Session, query: str, values: Mapping[str, Any]) -> Iterator[memoryview | bytes]:
    """COPY the rows of a query out, as CSV lines; NULL is an empty field, an empty text is "".

    Args:
        query: with its values as `%(name)s`.
    """
    cursor = db.connection().connection.cursor()
    with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", values) as copy:
        yield from copy


def streamed(db: Session, statement: str, values: Mapping[str, Any]) -> Iterator[Any]:
    """Run SQL as `rows` does, and get its rows one by one: few, large ones of binary values."""
    connection: Any = db.connection().connection
    with connection.cursor("streamed", row_factory=namedtuple_row, binary=True) as cursor:
        cursor.itersize = 4
        cursor.execute(statement, values)
        yield from cursor


def rows(
    db: Session, statement: str, values: Mapping[str, Any], *, binary: bool = False
) -> list[Any]:
    """Run SQL straight at the driver, in the session's transaction; rows are named tuples.

    For the few statements that people wait for: half of what a short statement costs is what
    SQLAlchemy does around it. Pending changes of mapped objects are not flushed.

    Args:
        statement: with its values as `%(name)s`.
        binary: for large values of bytes, which as text take twice their size.
    Raises:
        OperationalError: SQLAlchemy's, as from any other statement.
    """
    cursor = db.connection().connection.cursor(row_factory=namedtuple_row, binary=binary)
    try:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
    except psycopg.OperationalError as error:
        raise OperationalError(statement, None, error) from error
    finally:
        cursor.close()


@raises(DatabaseUnavailable)
def read_session() -> Iterator[Session]:
    with reading() as session:
        yield session


@raises(DatabaseUnavailable)
def write_session() -> Iterator[Session]:
    with transaction() as session:
        yield session


# `scope="function"`: the commit happens before the answer leaves, so a failed commit is an error
# the caller sees. FastAPI's default scope would commit after a 200 has gone.
ReadSession = Annotated[Session, Depends(read_session, scope="function")]
WriteSession = Annotated[Session, Depends(write_session, scope="function")]
