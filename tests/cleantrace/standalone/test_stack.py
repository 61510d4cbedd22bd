"""Whole stacks of real processes, started as an operator starts them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cleantrace.standalone import Stack
from cleantrace.standalone.errors import ServerFailed
from cleantrace.standalone.identity import is_alive
from cleantrace.standalone.stack import without_settings

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[3]
ENV = {"CLEANTRACE_TORCH_THREADS": "1", "OMP_NUM_THREADS": "1"}


def processes_of(data_dir: Path) -> list[str]:
    """Command lines of live processes that belong to a stack on this directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            if str(data_dir) in words or process.cwd() == str(data_dir):
                found.append(words)
        except psutil.Error:
            continue
    return found


def datasets_of(stack: Stack, key: str) -> httpx.Response:
    return httpx.get(
        f"{stack.url}/api/v1/projects/default/datasets",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    )


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cleantrace.cli", *arguments],
        cwd=ROOT, env=without_settings(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="cleantrace-stack-"))
    base.chmod(0o755)
    yield base / "data"
    shutil.rmtree(base)


@pytest.fixture(scope="module")
def stack(data_dir: Path) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        # Settings of this process are none of a stack's: with these it could not start.
        patch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        patch.setenv("CLEANTRACE_SHARD_SIZE", "many")
        running = Stack(data_dir, workers=1, allow=[ROOT / "tests"], env=ENV, durable=False)
    with running:
        yield running


def test_key_and_link_that_up_printed_let_in(stack: Stack) -> None:
    assert datasets_of(stack, stack.api_key).status_code == 200
    assert datasets_of(stack, "ct_wrong").status_code == 401
    assert f"API key:        {stack.api_key}" in stack.log
    assert httpx.get(stack.sign_in_url, trust_env=False).status_code in (200, 302, 303)
    assert set(stack.processes) == {"postgres", "valkey", "api", "worker-1", "sweep"}


def test_secrets_can_be_read_by_the_owner_alone(stack: Stack, data_dir: Path) -> None:
    for name in ("api-key", "webhook-key", "stack.json", "postgres/password", "valkey/password"):
        assert (data_dir / name).stat().st_mode & 0o777 == 0o600
    words = " ".join(processes_of(data_dir))
    assert stack.api_key not in words
    assert (data_dir / "postgres/password").read_text().strip() not in words
    assert (data_dir / "valkey/password").read_text().strip() not in words


def test_keys_create_makes_a_key_that_works(stack: Stack, data_dir: Path) -> None:
    made = run_cli("keys", "create", "--project", "default", "--data-dir", str(data_dir))
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key != stack.api_key
    assert datasets_of(stack, key).status_code == 200


def test_keys_create_without_a_stack_says_what_to_do(tmp_path: Path) -> None:
    refused = run_cli("keys", "create", "--data-dir", str(tmp_path))
    assert refused.returncode == 2
    assert "No stack runs on" in refused.stderr


def test_killed_processes_come_back(stack: Stack) -> None:
    before = stack.processes
    for name in ("postgres", "valkey", "sweep", "worker-1", "api"):
        stack.kill(name)
    for name, pid in before.items():
        assert stack.wait_for(name, other_than=pid) != pid
    assert datasets_of(stack, stack.api_key).status_code == 200


def test_second_up_on_the_same_directory_names_the_first(stack: Stack, data_dir: Path) -> None:
    refused = run_cli("up", "--data-dir", str(data_dir), "--port", "0")
    assert refused.returncode == 3
    assert f"process {stack.pid}" in refused.stderr
    assert datasets_of(stack, stack.api_key).status_code == 200


def test_taken_port_and_missing_directory_are_refused(stack: Stack, place: Path) -> None:
    refused = run_cli("up", "--data-dir", str(place / "d"), "--port", str(stack.state.port))
    assert refused.returncode == 3
    assert f"Port {stack.state.port} on 127.0.0.1 is taken" in refused.stderr
    refused = run_cli("up", "--data-dir", str(place / "d"), "--allow", str(place / "nothing"))
    assert refused.returncode == 3
    assert "there is no such file or directory" in refused.stderr


def test_stacks_stand_side_by_side_and_start_again_after_their_launcher_is_killed(
    stack: Stack, place: Path
) -> None:
    data_dir = place / "second"
    first = Stack(data_dir, workers=0, env=ENV, durable=False)
    first.start()
    assert first.url != stack.url
    key = first.api_key
    assert datasets_of(first, key).status_code == 200
    assert datasets_of(stack, key).status_code == 401
    records = first.state.processes
    os.kill(first.pid, signal.SIGKILL)
    with Stack(data_dir, workers=0, env=ENV, durable=False) as again:
        assert not any(is_alive(old.pid, old.started) for old in records.values())
        assert again.api_key == key
        assert datasets_of(again, key).status_code == 200
        # What the launcher does on SIGTERM, and that nothing is left.
        os.kill(again.pid, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while processes_of(data_dir):
            assert time.monotonic() < deadline, processes_of(data_dir)
            time.sleep(0.1)
    assert not (data_dir / "stack.json").exists()
    assert datasets_of(stack, stack.api_key).status_code == 200


def test_given_servers_are_used_and_none_is_started(stack: Stack, place: Path) -> None:
    urls = {"DATABASE_URL": stack.database_url, "REDIS_URL": stack.redis_url}
    with Stack(place / "given", workers=0, env=ENV | urls) as second:
        assert set(second.processes) == {"api", "sweep"}
        # One database: each knows the other's key.
        assert datasets_of(stack, second.api_key).status_code == 200
    assert datasets_of(stack, stack.api_key).status_code == 200


def test_failed_start_shows_why_and_leaves_nothing(place: Path) -> None:
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    url = f"postgresql://nobody:x@127.0.0.1:{port}/none?connect_timeout=1"
    broken = Stack(
        place / "broken",
        workers=0,
        env=ENV | {"DATABASE_URL": url, "CLEANTRACE_SHARD_SIZE": "many"},
    )
    with pytest.raises(ServerFailed, match="CLEANTRACE_SHARD_SIZE"):
        broken.start()
    assert processes_of(place / "broken") == []
