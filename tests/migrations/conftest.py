from __future__ import annotations

import psycopg
import pytest

from cleantrace.standalone import PostgresServer


@pytest.fixture
def empty_database(postgres: PostgresServer) -> str:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS migrating")
        connection.execute("CREATE DATABASE migrating")
    return postgres.url_for("migrating").replace("postgresql://", "postgresql+psycopg://")
