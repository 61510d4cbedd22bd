"""What a request costs: how many statements, and that each finds its rows by an index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient

from app.reviews import claim_queries, mixing
from tests.app.reviews.mixed import Always, Never, found_right, queue_of
from tests.app.reviews.world import (
    LAB,
    Person,
    add_scan,
    add_world,
    get,
    make_queue,
    post,
    sql,
)
from tests.support import make_key, make_person

_OURS = re.compile(r"\breview_(?!queues|duties|desks|samples|batches)\w+|\bexamples\b")

_LARGE = "review_(items|votes|verdicts|group_duties)|group_members|examples|scores"


@contextmanager
def sent_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any]]]:
    """All that the driver is given in the block, whichever way it came."""
    sent: list[tuple[str, Any]] = []
    execute = psycopg.Cursor.execute

    def note(self: Any, query: Any, params: Any = None, **kwargs: Any) -> Any:
        sent.append((str(query), params))
        return execute(self, query, params, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", note)
        yield sent


def _of_reviews(sent: list[tuple[str, Any]]) -> list[str]:
    return [query for query, _ in sent if "review_" in query]


def test_next_and_decide_are_few_statements_however_far_one_is(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, _ = make_queue(api, 300)
    ada = Person(api)
    ada.work(queue)
    for _ in range(2):
        with sent_statements(monkeypatch) as sent:
            item = ada.next(queue)
        assert len(_of_reviews(sent)) == 2
        with sent_statements(monkeypatch) as sent:
            ada.decide(queue, item["position"])
        assert len(_of_reviews(sent)) == 3
        with sent_statements(monkeypatch) as sent:
            ada.ask(queue, count=20)
            ada.ask(queue, count=20)
        assert len(_of_reviews(sent)) <= 5
        for _ in range(60):
            ada.work(queue)


def test_in_a_blind_queue_they_are_hardly_more(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add_world("lab", 300)
    queue = queue_of(api, made.scan_id, audits=50)
    ada = Person(api)
    ada.work(queue)
    for dice, statements in ((Never(1), 3), (Always(1), 9)):
        monkeypatch.setattr(mixing, "CHANCE", dice)
        with sent_statements(monkeypatch) as sent:
            item = ada.next(queue)
        of_audits = [query for query, _ in sent if re.search("review_|audit_|reviewed_", query)]
        assert len(of_audits) <= statements
        with sent_statements(monkeypatch) as sent:
            ada.decide(queue, item["position"])
        assert len(_of_reviews(sent)) == 3


def test_lists_are_as_many_statements_for_many_as_for_few(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, _ = make_queue(api, 100)
    ada = Person(api)
    paths = ["", f"/{queue}/verdicts", f"/{queue}/batches", f"/{queue}/reviewers"]
    ada.work(queue)

    def count() -> list[int]:
        found = []
        for path in paths:
            with sent_statements(monkeypatch) as sent:
                get(ada.client, f"/queues{path}")
            found.append(len(sent))
        return found

    few = count()
    for _ in range(5):
        make_queue(api, 10)
        ada.work(queue)
    assert count() == few


def _everything(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A queue large enough for plans to matter, and all that people do at it."""
    queue, made = make_queue(api, 20_000, overlap=2)
    small, _ = make_queue(api, 3_000)
    ada, bob, lead = Person(api), Person(api), Person(api, "engineer")
    for person in (ada, bob):
        for _ in range(30):
            person.work(queue)
    ada.work(queue, "unusable")
    bob.work(queue)
    lead.ask(small)
    # A table of a few pages is best read whole: votes and a log such as a queue has later.
    sql(
        "INSERT INTO review_votes (queue_id, position, principal_id, verdict_id, kind)"
        " SELECT queue_id, position, gen_random_uuid(), 0, 'right' FROM review_items,"
        " generate_series(1, 2) WHERE place > 1000"
    )
    sql(
        "INSERT INTO review_verdicts"
        " (queue_id, principal_id, position, kind, at, token, item_state)"
        " SELECT :q, :me, i % 3000, 'undo', now(), gen_random_uuid(), 'open'"
        " FROM generate_series(1, 30000) i",
        q=small,
        me=lead.id,
    )
    sql(
        "INSERT INTO groups (id, project_id, name, created_at, created_by)"
        " SELECT gen_random_uuid(), queue.project_id, 'group ' || i, now(), queue.created_by"
        " FROM review_queues queue, generate_series(1, 3000) i WHERE queue.id = :q",
        q=queue,
    )
    sql(
        "INSERT INTO group_members (group_id, person_id, project_id)"
        " SELECT id, :someone, project_id FROM groups",
        someone=make_person("lab"),
    )
    far, _ = make_queue(api, 5)
    for each, count in ((far, 3000), (queue, 3)):
        sql(
            "INSERT INTO review_group_duties SELECT :q, id, 'review' FROM groups LIMIT :n",
            q=each,
            n=count,
        )
    make_key("elsewhere")
    sql(
        "UPDATE review_queues SET project_id = projects.id FROM projects"
        " WHERE projects.name = 'elsewhere' AND review_queues.id = :q",
        q=far,
    )
    found_right(api, made.scan_id, 300)
    blind = queue_of(api, made.scan_id, audits=500, overlap=2)
    with_canaries = queue_of(api, made.scan_id, canaries=20)
    sql("ANALYZE")

    def work() -> None:
        monkeypatch.setattr(mixing, "CHANCE", Always(1))
        for person in (ada, bob):
            item = person.ask(blind, count=3)["items"][0]
            person.decide(blind, item["position"])
            get(person.client, f"/queues/{blind}/items/{item['position']}")
        assert bob.ask(with_canaries, count=10)["items"]
        for person in (ada, bob):
            item = person.ask(queue, count=2)["items"][0]
            person.decide(queue, item["position"], "unusable" if person is ada else "right")
            person.undo(queue)
            person.work(queue, "skip")
            person.client.post(f"{LAB}/queues/{queue}/skips/take-up")
            person.client.post(f"{LAB}/queues/{queue}/claims/renew")
            person.client.post(f"{LAB}/queues/{queue}/claims/release")
            person.history(queue)
        sql("UPDATE review_claims SET expires_at = now() - interval '1 s'")
        position = ada.next(queue)["position"]
        get(api, f"/queues/{queue}/items/{position}/verdicts")
        item = lead.next(queue, adjudicate=True)
        lead.decide(queue, item["position"], adjudicate=True)
        lead.undo(queue)
        for path in ("", f"/{queue}", f"/{queue}/progress", f"/{queue}/reviewers"):
            get(api, f"/queues{path}")
        body = {
            "selection": {"keys": ["key-5", "key-6"]},
            "verdict": {"kind": "right"},
        }
        post(api, f"/queues/{queue}/batches/preview", body, status=200)
        pair = {"given": "cat", "suggested": "dog"}
        preview = {"selection": pair, "verdict": {"kind": "accept"}}
        post(api, f"/queues/{small}/batches/preview", preview, status=200)
        batch = post(api, f"/queues/{queue}/batches", body)
        post(api, f"/queues/{queue}/batches/{batch['id']}/undo", status=200)
        post(api, f"/queues/{small}/samples", {"selection": pair, "k": 3})
        keys = {"kind": "keys", "keys": ["key-1", "key-2"]}
        asked = {"name": str(uuid4()), "scan_id": str(made.scan_id), "policy": keys}
        post(api, "/queues", asked)

    return work


def test_no_statement_reads_a_table_from_end_to_end(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = _everything(api, monkeypatch)
    with sent_statements(monkeypatch) as sent:
        work()
    seen: dict[str, Mapping[str, Any] | None] = {}
    for query, params in sent:
        verb = query.lstrip().split(None, 1)[0].upper()
        if verb in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} and _OURS.search(query):
            seen.setdefault(query, params)
    assert len(seen) > 25
    bad = []
    for query, params in seen.items():
        plan = explained(query, params)
        if re.search(rf"Seq Scan on ({_LARGE})", plan):
            bad.append(f"{query}\n{plan}")
    assert not bad, "\n\n".join(bad)


def explained(query: str, params: Any) -> str:
    """The plan of a statement."""
    from app.db import engine

    with engine().connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("EXPLAIN " + query, params)
        lines = [row[0] for row in cursor.fetchall()]
        connection.rollback()
        return "\n".join(lines)


def test_the_planner_knows_of_many_new_items_at_once(api: TestClient) -> None:
    make_queue(api, 10_000)
    [(known,)] = sql("SELECT reltuples FROM pg_class WHERE relname = 'review_items'")
    assert known >= 10_000


def test_a_look_reads_the_same_whatever_was_done_before(api: TestClient) -> None:
    """One reviewer alone in a queue of two must not pass all that they did before."""
    queue, _ = make_queue(api, 4_000, overlap=2)
    ada = Person(api)
    sql("ANALYZE")

    def rows_read() -> int:
        from app.access.keys import caller_of, require_key
        from app.db import transaction
        from app.reviews.desks import sit_down

        with transaction() as db:
            at = sit_down(db, caller_of(require_key(db, ada.key)), queue)  # type: ignore[arg-type]
            cursor = db.connection().connection.cursor()
            # A table as small as a test's may be read whole, if it was analysed lately.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(
                "EXPLAIN (ANALYZE, FORMAT JSON) " + claim_queries._take(1, False),
                {
                    "queue": at.queue.id,
                    "dataset": at.queue.dataset_id,
                    "me": at.me,
                    "ttl_s": 1,
                    "epoch": at.queue.epoch,
                    "base": at.desk.base,
                    "since": at.desk.since,
                    "pending": at.desk.pending,
                    "pending_at": at.desk.pending_at,
                },
            )
            read = sum(_rows(cursor.fetchone()[0][0]["Plan"]))
            db.rollback()
            return read

    def pass_by() -> None:
        # The two looks that move a base are a second apart.
        for _ in range(2):
            sql("UPDATE review_desks SET pending_at = pending_at - interval '2 seconds'")
            ada.work(queue)

    pass_by()
    early = rows_read()
    for _ in range(150):
        ada.work(queue)
    pass_by()
    pass_by()
    assert rows_read() <= early + 10


def _rows(plan: dict[str, Any]) -> Iterator[float]:
    if "Scan" in plan["Node Type"]:
        filtered = plan.get("Rows Removed by Filter", 0)
        yield (plan["Actual Rows"] + filtered) * plan["Actual Loops"]
    for part in plan.get("Plans", []):
        yield from _rows(part)


def test_a_scan_that_reorders_is_read_by_its_index(api: TestClient) -> None:
    """Of many scans, only the one that orders is read."""
    queue, made = make_queue(api, 500)
    for _ in range(3):
        add_scan(made.dataset_id, 500)
    better = add_scan(made.dataset_id, 500, seed=5)
    post(api, f"/queues/{queue}/reprioritise", {"scan_id": str(better)}, status=200)
    assert get(api, f"/queues/{queue}")["order_scan_id"] == str(better)
