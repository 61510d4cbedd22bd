from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.app.webhooks.receiver import Receiver
from tests.support import LAB, get, make_key, post


@pytest.fixture
def intranet(service: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Receivers on this machine may be told."""
    from app.settings import settings

    monkeypatch.setenv("CLEANTRACE_WEBHOOK_HTTP", "true")
    monkeypatch.setenv("CLEANTRACE_WEBHOOK_PRIVATE", "true")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def receiver(intranet: None) -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def admin(anonymous: TestClient) -> TestClient:
    """The API with an admin's key of the project `lab`."""
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    return anonymous


class Hook:
    """A registered webhook, and what a worker does for it."""

    def __init__(self, admin: TestClient, url: str, **body: Any) -> None:
        self.api = admin
        made = post(admin, "/webhooks", {"url": url} | body)
        self.id: str = made["id"]
        self.secret: str = made["secret"]
        self.path = f"/webhooks/{self.id}"

    def work(self) -> None:
        from workers.webhooks import run_delivering

        run_delivering(UUID(self.id))

    def ping(self) -> str:
        message_id: str = post(self.api, f"{self.path}/ping", status=202)["message_id"]
        return message_id

    def state(self) -> Any:
        return get(self.api, self.path)

    def deliveries(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = get(self.api, f"{self.path}/deliveries")["items"]
        return found

    def log(self, delivery: dict[str, Any]) -> list[dict[str, Any]]:
        """The latest attempt first."""
        found: list[dict[str, Any]] = get(self.api, f"{self.path}/deliveries/{delivery['id']}")[
            "log"
        ]
        return found

    def change(self, **body: Any) -> Any:
        answer = self.api.patch(LAB + self.path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def pass_time(amount: str) -> None:
    """Make everything that webhooks wait for or remember so much earlier, such as `1 hour`."""
    from app.db import transaction

    with transaction() as db:
        for table, columns in {
            "webhook_endpoints": (
                "not_before",
                "failing_since",
                "lease_expires_at",
                "nudged_at",
                "previous_secret_until",
            ),
            "webhook_deliveries": ("next_attempt_at", "gives_up_at"),
        }.items():
            earlier = ", ".join(f"{each} = {each} - interval '{amount}'" for each in columns)
            db.execute(text(f"UPDATE {table} SET {earlier}"))


def happen(**changes: Any) -> None:
    """Something that webhooks tell of, in the project `lab`."""
    from uuid import uuid4

    from app.db import transaction
    from app.projects.service import ensure_project
    from app.webhooks.events import Event, QueueEmpty
    from app.webhooks.service import emit

    payload = {"queue_id": uuid4(), "queue": "first", "dataset_id": uuid4(), "item_count": 3}
    with transaction() as db:
        project = ensure_project(db, "lab")
        emit(db, project.id, Event.queue_empty, QueueEmpty.model_validate(payload | changes))
