"""Steps that tests of audits and canaries share."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID, uuid4

from fastapi.testclient import TestClient

from tests.app.reviews.world import Made, Person, post, sql


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


def draws_of(made: Made) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = sql(
        "SELECT number, position, unreviewed FROM audit_draws WHERE dataset_id = :d"
        " ORDER BY number",
        d=made.dataset_id,
    )
    return found


def left_of(made: Made) -> dict[int, int]:
    return dict(
        sql(
            "SELECT position, left_after FROM reviewed_examples WHERE dataset_id = :d",
            d=made.dataset_id,
        )
    )


def require_exact(made: Made, n: int) -> None:
    """What is recorded of each draw is what its order and that of the reviews say."""
    draws, left = draws_of(made), left_of(made)
    assert [number for number, _, _ in draws] == list(range(1, len(draws) + 1))
    drawn_at = {position: number for number, position, _ in draws}
    assert len(drawn_at) == len(draws)
    for number, position, unreviewed in draws:
        gone = {p for p, after in left.items() if after < number}
        gone |= {p for p, at in drawn_at.items() if at < number}
        assert unreviewed == n - len(gone)
        assert position not in gone
        if position in left:
            assert left[position] >= number
    counted = sql(
        """
        SELECT queue.id,
            audits_drawn - (SELECT count(*) FROM audit_draws WHERE queue_id = queue.id),
            mixed_in - count(*) FILTER (WHERE role <> 'flag'),
            canaries_made - count(*) FILTER (WHERE role = 'canary'),
            item_count - count(*) FILTER (WHERE role = 'flag')
        FROM review_queues queue JOIN review_items item ON item.queue_id = queue.id
        WHERE queue.dataset_id = :d GROUP BY queue.id
        """,
        d=made.dataset_id,
    )
    assert {difference for _, *each in counted for difference in each} == {0}
    done = {
        position
        for (position,) in sql(
            "SELECT DISTINCT item.position FROM review_items item"
            " JOIN review_queues queue ON queue.id = item.queue_id"
            " WHERE queue.dataset_id = :d AND item.state = 'done' AND item.role <> 'canary'",
            d=made.dataset_id,
        )
    }
    assert done <= left.keys()
