"""Audits: drawn as they are given out, uniformly, and recorded exactly whoever is at work."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from scipy import stats

from app.reviews import mixing
from tests.app.reviews.mixed import (
    Always,
    Never,
    draws_of,
    left_of,
    queue_of,
    require_exact,
)
from tests.app.reviews.world import (
    Person,
    add_world,
    get,
    let_claims_expire,
    post,
    require_sound,
    sql,
)
from tests.support import LAB


def test_audits_come_among_the_flags_and_then_alone(api: TestClient) -> None:
    made = add_world("lab", 200)
    queue = queue_of(api, made.scan_id, audits=12)
    ada = Person(api)
    first = {item["position"] for item in ada.ask(queue, count=3)["items"]}
    assert len(first) == 3
    seen = []
    while item := ada.work(queue):
        seen.append(item["position"])
    draws = draws_of(made)
    assert len(draws) == 12
    flags = {p for (p,) in sql("SELECT position FROM flags WHERE scan_id = :s", s=made.scan_id)}
    assert set(seen) == flags | {position for _, position, _ in draws}
    assert len(seen) == len(set(seen))
    require_exact(made, 200)
    require_sound(queue)
    roles = Counter(role for (role,) in sql("SELECT role FROM review_items WHERE queue_id = :q",
                                            q=queue))  # fmt: skip
    on_flags = sum(position in flags for _, position, _ in draws)
    assert roles == {"flag": 20, "audit": 12 - on_flags}


def test_a_queue_is_over_when_flags_and_audits_are_decided(api: TestClient) -> None:
    from app.db import transaction
    from app.reviews.announcements import announce_finished

    made = add_world("lab", 60)
    queue = queue_of(api, made.scan_id, audits=5)
    assert get(api, f"/queues/{queue}")["item_count"] == 11
    ada = Person(api)
    while ada.work(queue):
        pass
    with transaction() as db:
        announce_finished(db)
    over = get(api, f"/queues/{queue}")
    assert over["finished_at"] is not None
    assert over["done"] == over["item_count"] <= 11
    more = api.put(f"{LAB}/queues/{queue}/mixing", json={"audits": 8})
    assert more.json()["audits"] == 8
    assert more.json()["finished_at"] is None
    while ada.work(queue):
        pass
    assert len(draws_of(made)) == 8
    fewer = api.put(f"{LAB}/queues/{queue}/mixing", json={"audits": 0}).json()
    assert fewer["audits"] == 8
    require_exact(made, 60)


def test_nothing_is_drawn_once_all_is_reviewed(api: TestClient) -> None:
    made = add_world("lab", 15)
    queue = queue_of(api, made.scan_id, audits=100)
    ada = Person(api)
    while ada.work(queue):
        pass
    assert len(left_of(made)) == 15
    assert get(api, f"/queues/{queue}")["audits"] == len(draws_of(made)) <= 15
    require_exact(made, 15)


def test_what_was_reviewed_before_is_never_drawn(api: TestClient) -> None:
    made = add_world("lab", 40)
    old = queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 30})
    ada = Person(api)
    undone = ada.work(old)["position"]
    ada.undo(old)
    ada.decide(old, undone)
    for _ in range(29):
        ada.work(old)
    assert left_of(made) == {}
    queue = queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 1}, audits=10)
    before = set(left_of(made))
    assert len(before) == 30
    while ada.work(queue):
        pass
    draws = draws_of(made)
    assert [unreviewed for _, _, unreviewed in draws] == list(range(10, 0, -1))
    assert not before & {position for _, position, _ in draws}


def test_an_undone_example_stays_out_of_the_pool(api: TestClient) -> None:
    made = add_world("lab", 30)
    queue = queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 20}, audits=2)
    ada = Person(api)
    position = ada.work(queue)["position"]
    left = left_of(made)
    assert position in left
    ada.undo(queue)
    ada.decide(queue, position, "unusable")
    assert left_of(made) == left


@pytest.mark.parametrize("reviewed", [0, 27])
def test_each_unreviewed_example_is_as_likely(api: TestClient, reviewed: int) -> None:
    """By a uniform try where most are unreviewed, and by index where hardly any is."""
    from app.db import transaction
    from app.estimates import drawing

    made = add_world("lab", 30)
    queue = UUID(queue_of(api, made.scan_id, policy={"kind": "filter"}, audits=1))
    sql(
        "INSERT INTO reviewed_examples SELECT :d, i, 0 FROM generate_series(0, :n - 1) i",
        d=made.dataset_id,
        n=reviewed,
    )
    rng, counts = random.Random(11), Counter[int]()
    tries = drawing._TRIES if reviewed == 0 else 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_TRIES", tries)
        for _ in range(20 * (30 - reviewed)):
            with transaction() as db:
                drawn = drawing.draw(db, made.dataset_id, queue, rng)
                assert drawn is not None
                counts[drawn.position] += 1
                db.rollback()
    assert set(counts) == set(range(reviewed, 30))
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_records_are_exact_whoever_draws_and_decides_at_once(api: TestClient) -> None:
    made = add_world("lab", 120)
    queues = [
        queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 40}, audits=25, overlap=2),
        queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 60}, audits=15),
        queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 30}),
    ]
    people = [Person(api) for _ in range(4)]
    lead = Person(api, "engineer")

    def work(person: Person, seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(70):
            queue = rng.choice(queues)
            items = person.ask(queue, count=rng.choice([1, 3]))["items"]
            if not items:
                continue
            path = f"{LAB}/queues/{queue}"
            body = {"kind": rng.choice(["right", "unusable", "unsure"]), "token": str(uuid4())}
            written = person.client.post(f"{path}/items/{items[0]['position']}/verdicts", json=body)
            # 409: what they held went to others meanwhile.
            assert written.status_code in (201, 409), written.text
            if written.status_code == 201 and rng.random() < 0.15:
                person.undo(queue)

    def lead_on() -> None:
        for given in ("ant", "bee", "cat", "dog"):
            for queue in queues:
                let_claims_expire()
                body = {"selection": {"given": given}, "verdict": {"kind": "right"}}
                answer = lead.client.post(f"{LAB}/queues/{queue}/batches", json=body)
                assert answer.status_code in (201, 422), answer.text
                if given == "bee" and answer.status_code == 201:
                    batch = answer.json()["id"]
                    post(lead.client, f"/queues/{queue}/batches/{batch}/undo", status=200)
                scan = {"scan_id": str(made.scan_id)}
                post(lead.client, f"/queues/{queue}/reprioritise", scan, status=200)

    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(work, person, seed) for seed, person in enumerate(people)]
        jobs.append(pool.submit(lead_on))
        for job in jobs:
            job.result()
    assert len(draws_of(made)) > 20
    require_exact(made, 120)
    for queue in queues:
        require_sound(queue)


def test_whatever_is_decided_while_the_pool_is_made_is_known_to_it(api: TestClient) -> None:
    made = add_world("lab", 150)
    old = queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 120})
    people = [Person(api) for _ in range(3)]

    def work(person: Person) -> None:
        for _ in range(30):
            person.work(old)

    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(work, person) for person in people]
        while not sql("SELECT 1 FROM review_verdicts WHERE queue_id = :q LIMIT 1", q=old):
            pass
        queue_of(api, made.scan_id, policy={"kind": "top_k", "k": 5}, audits=3)
        for job in jobs:
            job.result()
    assert len(left_of(made)) == 90
    require_exact(made, 150)


def test_a_batch_decides_nothing_that_is_drawn(api: TestClient) -> None:
    made = add_world("lab", 40)
    queue = queue_of(api, made.scan_id, policy={"kind": "filter"}, audits=10)
    other = queue_of(api, made.scan_id, policy={"kind": "filter"})
    ada, lead = Person(api), Person(api, "engineer")
    while len(draws_of(made)) < 5:
        ada.ask(queue, count=50)
        let_claims_expire()
        lead.ask(queue)
        let_claims_expire()
    pending = {position for _, position, _ in draws_of(made)}
    for each in (queue, other):
        for given in ("ant", "bee", "cat", "dog", "eel"):
            lead.client.post(
                f"{LAB}/queues/{each}/batches",
                json={"selection": {"given": given}, "verdict": {"kind": "right"}},
            )
        done = {p for (p,) in sql(
            "SELECT position FROM review_items WHERE queue_id = :q AND state = 'done'", q=each
        )}  # fmt: skip
        assert done
        assert not done & pending
    require_exact(made, 40)
    while ada.work(queue):
        pass
    assert pending <= left_of(made).keys()
    require_exact(made, 40)


def test_what_was_drawn_and_given_back_is_first_for_others(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add_world("lab", 400)
    queue = queue_of(api, made.scan_id, audits=3, overlap=2)
    ada, bob, late = Person(api), Person(api), Person(api)
    with monkeypatch.context() as patch:
        patch.setattr(mixing, "CHANCE", Never(1))
        for _ in range(3):
            bob.work(queue)
    with monkeypatch.context() as patch:
        patch.setattr(mixing, "CHANCE", Always(1))
        drawn = ada.next(queue)["position"]
    assert [position for _, position, _ in draws_of(made)] == [drawn]
    # Of two who are to decide it, the second.
    assert late.next(queue)["position"] == drawn
    ada.client.post(f"{LAB}/queues/{queue}/claims/release")
    late.client.post(f"{LAB}/queues/{queue}/claims/release")
    monkeypatch.setattr(mixing, "CHANCE", Never(1))
    assert bob.next(queue)["position"] == drawn
    assert Person(api).next(queue)["position"] == drawn


def test_a_flag_that_is_drawn_is_taken_out_of_its_order(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add_world("lab", 30)
    queue = queue_of(api, made.scan_id, policy={"kind": "filter"}, audits=5)
    monkeypatch.setattr(mixing, "CHANCE", Always(3))
    ada, bob = Person(api), Person(api)
    item = ada.next(queue)
    [(_, position, _)] = draws_of(made)
    assert item["position"] == position
    row = sql("SELECT role, place FROM review_items WHERE queue_id = :q AND position = :p",
              q=queue, p=position)  # fmt: skip
    assert row == [("flag", 0)]
    held = {item["position"] for item in ada.ask(queue, count=5)["items"]}
    assert {position for _, position, _ in draws_of(made)} == held
    monkeypatch.setattr(mixing, "CHANCE", Never(1))
    assert bob.next(queue)["position"] not in held
    require_sound(queue)


def test_ordering_anew_leaves_what_was_drawn(api: TestClient) -> None:
    made = add_world("lab", 50)
    queue = queue_of(api, made.scan_id, policy={"kind": "filter"}, audits=20)
    ada = Person(api)
    while len(draws_of(made)) < 4:
        ada.work(queue)
    before = sql(
        "SELECT position, place FROM review_items WHERE queue_id = :q AND place <= 0", q=queue
    )
    assert before
    post(api, f"/queues/{queue}/reprioritise", {"scan_id": str(made.scan_id)}, status=200)
    after = sql(
        "SELECT position, place FROM review_items WHERE queue_id = :q AND place <= 0", q=queue
    )
    assert sorted(before) == sorted(after)
    while ada.work(queue):
        pass
    require_exact(made, 50)
    require_sound(queue)
