"""Webhooks by real worker processes, one of which dies in the middle."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cleantrace.standalone.commands import ServiceCommands
from tests.app.webhooks.conftest import Hook
from tests.app.webhooks.receiver import Answer, Receiver


@pytest.fixture
def commands(receiver: Receiver, tmp_path: Path) -> ServiceCommands:
    return ServiceCommands(
        logs=tmp_path,
        cwd=tmp_path,
        env={"CLEANTRACE_LEASE_TTL_S": "2", "CLEANTRACE_SWEEP_INTERVAL_S": "0.2"},
    )


@pytest.fixture
def sweep(commands: ServiceCommands) -> Iterator[None]:
    child = commands.sweep()
    child.start()
    yield
    child.stop(grace_s=5)


def test_a_worker_killed_in_the_middle_is_followed_by_another(
    admin: TestClient, receiver: Receiver, commands: ServiceCommands, sweep: None
) -> None:
    hook = Hook(admin, receiver.url)
    killed = threading.Event()
    receiver.answers.append(Answer(before=lambda: killed.wait(60)))
    first, second = commands.worker("first"), commands.worker("second")
    first.start()
    try:
        hook.ping()
        receiver.wait_for(1)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        killed.set()
        second.start()
        one, other = receiver.wait_for(2)
        assert one.id == other.id
        assert other.is_signed_with(hook.secret)
        deadline = time.monotonic() + 30
        while (delivery := hook.deliveries()[0])["status"] != "delivered":
            assert time.monotonic() < deadline, delivery
            time.sleep(0.05)
        # The first attempt is in the log, without an end.
        assert [(each["number"], each["ms"] is None) for each in hook.log(delivery)] == [
            (2, False),
            (1, True),
        ]
    finally:
        for child in (first, second):
            child.stop(grace_s=5)


def test_retries_come_by_themselves(
    admin: TestClient, receiver: Receiver, commands: ServiceCommands, sweep: None
) -> None:
    hook = Hook(admin, receiver.url)
    receiver.answers.append(Answer(500))
    worker = commands.worker("only")
    worker.start()
    try:
        began = time.monotonic()
        hook.ping()
        receiver.wait_for(1)
        began = time.monotonic()
        one, other = receiver.wait_for(2)
        assert one.id == other.id
        assert 3 < time.monotonic() - began < 20
    finally:
        worker.stop(grace_s=5)
