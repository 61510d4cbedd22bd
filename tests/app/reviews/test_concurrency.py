"""Many people at once: nothing twice, nothing lost, never more than the overlap."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from app.access.service import Caller
from tests.app.reviews.world import Person, let_claims_expire, make_queue, require_sound, sql


def _callers(api: TestClient, count: int) -> list[Caller]:
    from app.access.keys import caller_of, require_key
    from app.db import transaction

    with transaction() as db:
        return [caller_of(require_key(db, Person(api).key)) for _ in range(count)]


def _at_once(work: Callable[[Caller], list[int]], callers: list[Caller]) -> list[list[int]]:
    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(work, callers))


def _decide(caller: Caller, queue: str, position: int, kind: str = "right") -> None:
    from app.db import transaction
    from app.reviews.item_schemas import VerdictIn
    from app.reviews.verdicts import decide

    body = VerdictIn(kind=kind, token=uuid4())  # type: ignore[arg-type]
    with transaction() as db:
        decide(db, caller, UUID(queue), position, body)


def _next(caller: Caller, queue: str, count: int = 1) -> list[int]:
    from app.db import transaction
    from app.reviews.claims import next_items

    with transaction() as db:
        return [item.position for item in next_items(db, caller, UUID(queue), count=count).items]


@pytest.mark.parametrize(("overlap", "n"), [(1, 300), (3, 80)])
def test_many_at_once_decide_everything_and_nothing_beyond_the_overlap(
    api: TestClient, overlap: int, n: int
) -> None:
    queue, _ = make_queue(api, n, overlap=overlap)

    def work(caller: Caller) -> list[int]:
        seen = []
        while positions := _next(caller, queue, count=2):
            _decide(caller, queue, positions[0])
            seen.append(positions[0])
        return seen

    seen = _at_once(work, _callers(api, 8))
    assert all(len(set(each)) == len(each) for each in seen)
    counts = Counter(position for each in seen for position in each)
    assert counts == dict.fromkeys(range(n), overlap)
    require_sound(queue)
    assert sql("SELECT count(*) FROM review_items WHERE state = 'done'") == [(n,)]


def test_people_who_vanish_undo_skip_and_release_leave_nothing_undone(api: TestClient) -> None:
    n = 120
    queue, _ = make_queue(api, n, overlap=2)

    def work(caller: Caller) -> list[int]:
        from app.db import transaction
        from app.reviews.claims import release_claims
        from app.reviews.item_schemas import UndoIn
        from app.reviews.undoing import undo

        rng = random.Random(str(caller.principal_id))
        seen: list[int] = []
        standing = 0
        for _ in range(40):
            positions = _next(caller, queue, count=rng.randint(1, 3))
            if not positions:
                break
            dice = rng.random()
            if dice < 0.7:
                kind = rng.choice(["right", "right", "right", "unusable", "unsure"])
                _decide(caller, queue, positions[0], kind)
                seen.append(positions[0])
                standing += 1
            elif dice < 0.8:
                _decide(caller, queue, positions[0], "skip")
                standing += 1
            elif dice < 0.9:
                with transaction() as db:
                    release_claims(db, caller, UUID(queue))
            elif standing:
                with transaction() as db:
                    undo(db, caller, UUID(queue), UndoIn(steps=1, token=uuid4()))
                standing -= 1
        return seen

    _at_once(work, _callers(api, 8))
    require_sound(queue)
    let_claims_expire()
    late = _callers(api, 2)
    for caller in late:
        while positions := _next(caller, queue):
            _decide(caller, queue, positions[0])
    require_sound(queue)
    states = dict(sql("SELECT state, count(*) FROM review_items GROUP BY state"))
    assert "open" not in states
    assert sum(states.values()) == n


def test_the_same_decision_sent_many_times_at_once_is_written_once(api: TestClient) -> None:
    from app.db import transaction
    from app.reviews.item_schemas import VerdictIn
    from app.reviews.verdicts import decide

    queue, _ = make_queue(api, 20)
    [caller] = _callers(api, 1)
    [position] = _next(caller, queue)
    body = VerdictIn(kind="right", token=uuid4())

    def send(_: Caller) -> list[int]:
        with transaction() as db:
            return [decide(db, caller, UUID(queue), position, body).verdict.id]

    assert len({ids[0] for ids in _at_once(send, [caller] * 8)}) == 1
    assert sql("SELECT count(*) FROM review_verdicts") == [(1,)]
    require_sound(queue)


def test_the_same_person_asking_many_times_at_once_holds_one_item(api: TestClient) -> None:
    queue, _ = make_queue(api, 20, overlap=3)
    [caller] = _callers(api, 1)
    answers = _at_once(lambda each: _next(each, queue), [caller] * 8)
    assert len({tuple(positions) for positions in answers}) == 1
    assert sql("SELECT count(*) FROM review_claims") == [(1,)]


def test_nobody_who_takes_expired_claims_back_waits_in_a_circle(api: TestClient) -> None:
    """Whoever orders a queue anew waits for items, and must not be waited for by who has some."""
    from app.db import transaction
    from app.reviews import queue_queries
    from app.reviews.models import OrderBy

    queue, made = make_queue(api, 1, overlap=2)
    ada, bob = _callers(api, 2)
    [position] = _next(bob, queue)
    _next(ada, queue)
    _decide(ada, queue, position)
    let_claims_expire()
    with ThreadPoolExecutor(1) as pool, transaction() as db:
        queue_queries.hold_queue(db, UUID(queue))
        # Ada takes Bob's claim back, finds nothing for her, and waits for the queue.
        asked = pool.submit(_next, ada, queue)
        while sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(1,)]:
            pass
        held = queue_queries.queue(db, ada.project_id, UUID(queue))
        assert held is not None
        queue_queries.reprioritise(db, held, made.scan_id, OrderBy.loss)
        db.commit()
        assert asked.result() == []
    require_sound(queue)
    assert _next(bob, queue) == [position]
