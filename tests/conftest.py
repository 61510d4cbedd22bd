"""Real servers for every test: Postgres and Valkey, one of each for each xdist worker.

A test that touches the database takes `database` (or a fixture that does); it begins with empty
tables. What workers do is called as functions here; `tests/stack` has the real processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cleantrace.standalone import PostgresServer, ValkeyServer
from tests.support import make_key

# Two test processes share two cores: one thread each is faster than two that wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process is left with one when the others are done."""
    items.sort(key=lambda item: [not item.get_closest_marker(it) for it in ("stack", "browser")])


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer.temporary() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer.temporary() as server:
        yield server


@pytest.fixture(scope="session")
def service(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """This process's settings, and a migrated database. Set once: settings are read once."""
    base = tmp_path_factory.mktemp("service")
    (base / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", postgres.url)
        patch.setenv("REDIS_URL", valkey.url)
        patch.setenv("CLEANTRACE_ARTIFACTS", str(base / "artifacts"))
        patch.setenv("CLEANTRACE_ALLOWED_ROOTS", str(base / "data"))
        patch.setenv("CLEANTRACE_SHARD_SIZE", "64")
        patch.setenv("CLEANTRACE_BATCH_SIZE", "32")
        patch.setenv("CLEANTRACE_TORCH_THREADS", "1")
        patch.setenv("CLEANTRACE_DEVICE", "cpu")
        patch.setenv("CLEANTRACE_WEBHOOK_KEYS", "tests-only-and-as-long-as-it-has-to-be")
        patch.setenv("CLEANTRACE_EVIDENCE_KEYS", "tests-only-and-another-one-just-as-long")

        from app import db
        from app.settings import settings
        from migrations.__main__ import migrate

        settings.cache_clear()
        db.engine.cache_clear()
        migrate(settings().database_url)
        yield
        db.engine().dispose()


@pytest.fixture
def database(service: None) -> None:
    """Empty tables and an empty broker."""
    empty_servers()


def empty_servers() -> None:
    from app import db, nudges
    from app.tables import metadata

    # DELETE, not TRUNCATE: that would make new files for each of the partitions' indexes.
    with db.engine().begin() as connection:
        # The log refuses to be emptied; as a replica does, this connection passes triggers by.
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    with nudges.sender().connection_for_write() as connection:
        connection.default_channel.client.flushdb()


@pytest.fixture
def data_root(service: None) -> Path:
    """The one directory that data and checkpoints may be read from."""
    from app.settings import settings

    return Path(settings().allowed_roots[0])


@pytest.fixture
def data_dir(data_root: Path, request: pytest.FixtureRequest) -> Path:
    """A directory of this test's own below the allowed root."""
    import uuid

    folder = data_root / f"{request.node.originalname}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def application(service: None) -> FastAPI:
    from app.main import create_app

    return create_app()


@pytest.fixture
def anonymous(database: None, application: FastAPI) -> Iterator[TestClient]:
    """The API in this process, on the real database, without a key."""
    # Errors of ours must come out as answers, as they do in production.
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(anonymous: TestClient) -> TestClient:
    """The same with an engineer's key of the project `lab`."""
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab')}"
    return anonymous
