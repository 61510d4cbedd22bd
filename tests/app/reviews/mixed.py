"""Steps that tests of audits and canaries share."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID, uuid4

from fastapi.testclient import TestClient

from tests.app.reviews.world import Person, post, sql


class Always(random.Random):
    """Dice by which all that may be mixed in is; audits before canaries."""

    def random(self) -> float:
        return 0.0

    def getrandbits(self, k: int) -> int:
        return super().getrandbits(k)


class Never(Always):
    """Dice by which nothing is mixed in, as long as flags are left."""

    def random(self) -> float:
        return 1.0 - 2**-53


def queue_of(api: TestClient, scan: UUID | str, **body: Any) -> str:
    asked = {"name": str(uuid4()), "scan_id": str(scan), "policy": {"kind": "flagged"}}
    found: str = post(api, "/queues", asked | body)["id"]
    return found


def found_right(api: TestClient, scan: UUID | str, k: int, by: Person | None = None) -> set[int]:
    """Examples of which a queue without audits has found that their label is right."""
    queue = queue_of(api, scan, policy={"kind": "top_k", "k": k})
    somebody = by or Person(api)
    found = set()
    while item := somebody.work(queue):
        found.add(item["position"])
    return found


def roles_of(queue: str) -> dict[int, str]:
    return dict(sql("SELECT position, role FROM review_items WHERE queue_id = :q", q=queue))
