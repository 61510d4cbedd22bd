"""The API as a process of its own, and clients of it. Workers' jobs are called as functions."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from cleantrace import Client
from cleantrace.standalone.ports import free_port
from tests.cleantrace.client.front import Front
from tests.cleantrace.client.shell import Shell
from tests.cleantrace.client.world import World, make_world
from tests.conftest import empty_servers
from tests.support import make_key


@pytest.fixture(scope="session")
def api_url(service: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port("127.0.0.1")
    log = tmp_path_factory.mktemp("api") / "api.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)],
            env=dict(os.environ),
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 60
        while not _answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def key(database: None) -> str:
    return make_key("lab")


@pytest.fixture
def client(api_url: str, key: str) -> Iterator[Client]:
    with Client(api_url, key, "lab") as client:
        yield client


@pytest.fixture(scope="module")
def world(api_url: str) -> Iterator[World]:
    """Shared by a module's tests: none of them may empty the tables."""
    from app.settings import settings

    empty_servers()
    folder = Path(settings().allowed_roots[0]) / f"world-{uuid4().hex[:8]}"
    folder.mkdir()
    key = make_key("lab")
    with Client(api_url, key, "lab") as client:
        yield make_world(client, key, folder)


@pytest.fixture
def front(api_url: str) -> Iterator[Front]:
    """A gateway before the API that can be told to misbehave."""
    with Front(api_url) as front:
        yield front


@pytest.fixture
def shell(api_url: str, key: str) -> Shell:
    return Shell(api_url, key)
