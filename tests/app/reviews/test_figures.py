"""Counts without counting, and agreement against published examples."""

from __future__ import annotations

import math

import pytest
from fastapi.testclient import TestClient

from app.reviews.alpha import interval_alpha, nominal_alpha
from tests.app.reviews.world import LAB, Person, add_world, get, make_queue, post, sql

# Krippendorff 2011, section C: 4 observers, 12 units, some answers missing.
PUBLISHED = [
    [1, 1, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [5, 5, 5],
    [1, 1],
    [3],
]


def test_alpha_is_that_of_the_published_example() -> None:
    assert nominal_alpha([(unit, 1) for unit in PUBLISHED]) == pytest.approx(0.743, abs=5e-4)
    units = [unit for unit in PUBLISHED if len(unit) > 1]
    alpha = interval_alpha(
        sum(map(len, units)),
        sum(2 * (len(u) * sum(v * v for v in u) - sum(u) ** 2) / (len(u) - 1) for u in units),
        sum(map(sum, units)),
        sum(v * v for u in units for v in u),
    )
    assert alpha == pytest.approx(0.849, abs=5e-4)


def test_alpha_of_chance_of_none_and_of_all() -> None:
    half = [((0, 0), 100), ((0, 1), 200), ((1, 1), 100)]
    alpha = nominal_alpha(half)
    assert alpha is not None
    assert math.isclose(alpha, 0, abs_tol=0.01)
    assert nominal_alpha([((0, 0), 5), ((1, 1), 5)]) == 1
    assert nominal_alpha([((0, 0), 5)]) is None
    assert nominal_alpha([]) is None
    # So many items alike are the same as one item so many times.
    assert nominal_alpha([((0, 1), 3), ((1, 1), 2)]) == nominal_alpha(
        [((0, 1), 1)] * 3 + [((1, 1), 1)] * 2
    )


def test_progress_counts_what_was_done_and_by_whom(api: TestClient) -> None:
    queue, _ = make_queue(api, 40)
    ada, bob = Person(api), Person(api)
    for kind in ("right", "right", "unusable", "unsure", "skip"):
        ada.work(queue, kind, seconds=2.0)
    bob.work(queue)
    ada.undo(queue, 3)
    ada.work(queue, "unusable", seconds=4.0)
    bob.ask(queue, count=3)
    seen = get(ada.client, f"/queues/{queue}/progress")
    assert seen.pop("per_hour") > 0
    # Of what was undone, bob had decided the skipped one, one was decided again, one is in hand.
    assert seen == {
        "item_count": 40,
        "open": 36,
        "held": 4,
        "done": 4,
        "disputed": 0,
        "skipped": 0,
        "mine": {"today": 3, "decided": 3, "skipped": 0},
    }
    people = get(api, f"/queues/{queue}/reviewers")
    assert [(row["principal_id"], row["decided"]) for row in people] == [(ada.id, 3), (bob.id, 1)]
    sql("UPDATE review_tallies SET day = day - 1")
    assert get(ada.client, f"/queues/{queue}/progress")["mine"]["today"] == 0


def test_agreement_by_people_and_by_class_pair(api: TestClient) -> None:
    queue, _ = make_queue(api, 30, overlap=3)
    ada, bob, eve = Person(api), Person(api), Person(api)
    for number in range(10):
        ada.work(queue)
        bob.work(queue)
        eve.work(queue, "unusable" if number < 4 else "right")
    seen = get(api, f"/queues/{queue}/agreement")
    assert (seen["items"], seen["agreed"]) == (10, 6)
    by_people = {frozenset((row["first"], row["second"])): row for row in seen["people"]}
    together = by_people[frozenset((ada.id, bob.id))]
    apart = by_people[frozenset((ada.id, eve.id))]
    assert (together["items"], together["agreed"], together["alpha"]) == (10, 10, 1)
    assert (apart["items"], apart["agreed"]) == (10, 6)
    assert apart["alpha"] < seen["alpha"] < 1
    assert sum(row["items"] for row in seen["classes"]) == 10
    assert sum(row["agreed"] for row in seen["classes"]) == 6


def test_agreement_on_numbers(api: TestClient) -> None:
    made = add_world("lab", 20, is_regression=True)
    body = {"name": "n", "scan_id": str(made.scan_id), "policy": {"kind": "top_k", "k": 6}}
    queue = post(api, "/queues", body | {"overlap": 2, "tolerance": 0.5})["id"]
    assert get(api, f"/queues/{queue}/agreement")["alpha"] is None
    ada, bob = Person(api), Person(api)
    for number in range(5):
        ada.work(queue, "relabel", value=10.0 * number + 1)
        bob.work(queue, "relabel", value=10.0 * number + (1.4 if number else 4))
    seen = get(api, f"/queues/{queue}/agreement")
    assert (seen["items"], seen["agreed"]) == (5, 4)
    assert 0.98 < seen["alpha"] < 1
    assert seen["people"][0]["alpha"] == pytest.approx(seen["alpha"])


def test_progress_is_watched_without_a_reload(api: TestClient) -> None:
    from app.access.keys import caller_of, require_key
    from app.db import transaction
    from app.reviews.events import _events

    queue, _ = make_queue(api, 10)
    ada = Person(api)

    async def watch() -> list[str]:
        import asyncio
        from uuid import UUID

        with transaction() as db:
            caller = caller_of(require_key(db, ada.key))
        events = _events(caller, UUID(queue))
        first = await anext(events)
        await asyncio.to_thread(ada.work, queue)
        second = await anext(events)
        return [str(first.data), str(second.data)]

    import asyncio

    before, after = asyncio.run(watch())
    assert '"done":0' in before
    assert '"done":1' in after
    answer = api.get(f"{LAB}/queues/{LAB[-3:]}/progress/events")
    assert answer.status_code == 422
