"""A labelling team that decides through the API, so that pages have something to show."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fastapi.testclient import TestClient

from app.access.guards import COOKIE
from tests.app.dashboard.steps import browser_of, csrf_token
from tests.support import LAB, begin_session, make_person


class Member:
    """A person at work, signed in."""

    def __init__(self, api: TestClient, name: str, role: str = "reviewer") -> None:
        self.id = make_person("lab", role, name=name)
        self.client = browser_of(api)
        self.client.cookies.set(COOKIE, begin_session(self.id))
        token = csrf_token(self.client.get("/account").text)
        self.client.headers["X-CSRF-Token"] = token

    def post(self, path: str, body: dict[str, Any] | None = None, **params: Any) -> Any:
        answer = self.client.post(LAB + path, json=body, params=params)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def next(self, queue: str) -> Any:
        items = self.post(f"/queues/{queue}/next")["items"]
        return items[0] if items else None

    def decide(self, queue: str, item: Any, kind: str, **body: Any) -> None:
        said = {"kind": kind, "token": str(uuid4())} | body
        self.post(f"/queues/{queue}/items/{item['position']}/verdicts", said)

    def work(self, queue: str, count: int, *, contrary: int = 0, seconds: float = 3.0) -> None:
        """Decide as the suggestion says, but each `contrary`-th item that the label is right."""
        for number in range(1, count + 1):
            item = self.next(queue)
            if item is None:
                return
            suggested = item["suggested_label"]
            if suggested is None or (contrary and number % contrary == 0):
                self.decide(queue, item, "right", seconds=seconds)
            else:
                self.decide(queue, item, "relabel", label=suggested, seconds=seconds)
