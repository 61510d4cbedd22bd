"""Many reviewers at one queue, beside the bare statements that any queue in Postgres needs.

Each reviewer is a thread; they are spread over processes. They ask for the next item, think, and
decide, at the service functions that the API calls. The bare queue does as little as can be done:
next is one UPDATE of a row chosen by SELECT … FOR UPDATE SKIP LOCKED, decide is one INSERT. Both go
through the same sessions to the same Postgres, in turn. A process with reviewers in the middle of
their work is killed; what they held must come back.

    python -m benchmarks.reviews --reviewers 200 --items 10000 1000000 --decisions 20000

Latencies say little when the machine is full: `--think` is the mean time in seconds between two
requests of a reviewer, and is best so that the cores are not all busy.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from benchmarks.review_world import add_world
from cleantrace.standalone import PostgresServer

PROJECT = "bench"
# Longer than anybody thinks: what expires is what the killed held.
CLAIM_TTL_S = 60


@dataclass
class Latencies:
    """Seconds of each request, by what was asked."""

    next: list[float] = field(default_factory=list)
    decide: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Load:
    """What one process of reviewers does."""

    kind: str
    queue_id: UUID
    keys: list[str]
    decisions: int
    think_s: float
    seed: int


def _bare(_: Load, key: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    from app.db import transaction

    take = text("""
        UPDATE bare_items SET taken = true WHERE id = (
            SELECT id FROM bare_items WHERE NOT taken
            ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED
        ) RETURNING id
    """)
    put = text("INSERT INTO bare_verdicts (item, reviewer, kind) VALUES (:item, :me, 'right')")

    def ask() -> Any:
        with transaction() as db:
            return db.execute(take).scalar()

    def decide(item: Any) -> None:
        with transaction() as db:
            db.execute(put, {"item": item, "me": key})

    return ask, decide


def _reviews(load: Load, key: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    from app.access.keys import caller_of, require_key
    from app.db import transaction
    from app.reviews import claims, verdicts
    from app.reviews.item_schemas import VerdictIn

    with transaction() as db:
        caller = caller_of(require_key(db, key))

    def ask() -> Any:
        with transaction() as db:
            items = claims.next_items(db, caller, load.queue_id).items
            return items[0].position if items else None

    def decide(item: Any) -> None:
        body = VerdictIn.model_validate({"kind": "right", "seconds": 1.5, "token": uuid4()})
        with transaction() as db:
            verdicts.decide(db, caller, load.queue_id, item, body)

    return ask, decide


def _work(load: Load, results: Queue[Latencies], started: Event) -> None:
    """A process: its reviewers until they have decided their share, or until it is killed."""
    os.environ["CLEANTRACE_DATABASE_POOL"] = str(max(10, len(load.keys)))
    found = Latencies()
    lock = threading.Lock()

    def review(key: str, share: int) -> None:
        rng = random.Random(f"{load.seed} {key}")
        ask, decide = (_bare if load.kind == "bare" else _reviews)(load, key)
        mine = Latencies()
        time.sleep(rng.random() * load.think_s)
        for _ in range(share):
            began = time.perf_counter()
            item = ask()
            mine.next.append(time.perf_counter() - began)
            started.set()
            if item is None:
                break
            time.sleep(rng.expovariate(1 / load.think_s) if load.think_s else 0)
            began = time.perf_counter()
            decide(item)
            mine.decide.append(time.perf_counter() - began)
        with lock:
            found.next += mine.next
            found.decide += mine.decide

    shares = [load.decisions // len(load.keys)] * len(load.keys)
    threads = [
        threading.Thread(target=review, args=pair) for pair in zip(load.keys, shares, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(found)


def run_reviewers(
    options: argparse.Namespace, kind: str, queue_id: UUID, keys: list[str]
) -> tuple[Latencies, float, set[int]]:
    """All reviewers at once; returns the latencies, how long it took, what the killed held."""
    context = get_context("spawn")
    results: Queue[Latencies] = context.Queue()
    per_process = options.decisions // options.processes
    staying = keys[: options.reviewers]
    loads = [
        Load(kind, queue_id, staying[i :: options.processes], per_process, options.think, i)
        for i in range(options.processes)
    ]
    # Those who vanish come beside the others, and would go on for ever.
    doomed = Load(kind, queue_id, keys[options.reviewers :], 10**9, options.think, -1)
    started, working = context.Event(), context.Event()
    began = time.perf_counter()
    processes = [context.Process(target=_work, args=(load, results, started)) for load in loads]
    victim = context.Process(target=_work, args=(doomed, results, working))
    for process in (*processes, victim):
        process.start()
    working.wait(60)
    time.sleep(options.kill_after)
    victim.kill()
    victim.join()
    lost = held_by(queue_id, keys[options.reviewers :]) if kind == "reviews" else set()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    taken = time.perf_counter() - began
    latencies = Latencies(
        [s for each in found for s in each.next], [s for each in found for s in each.decide]
    )
    return latencies, taken, lost


@contextmanager
def served(durable: bool) -> Iterator[None]:
    """A migrated database of this run's own."""
    context = PostgresServer.temporary({} if durable else {"synchronous_commit": "off"})
    with context as server:
        os.environ["DATABASE_URL"] = server.url
        os.environ["REDIS_URL"] = "redis://127.0.0.1:1/0"
        os.environ["CLEANTRACE_ARTIFACTS"] = str(server.directory / "artifacts")
        from app.db import engine
        from app.settings import settings
        from migrations.__main__ import migrate

        migrate(settings().database_url)
        yield
        engine().dispose()


def make_keys(count: int) -> list[str]:
    from app.access import keys
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    with transaction() as db:
        project = ensure_project(db, PROJECT)
        return [
            keys.create_key(db, project, name=f"reviewer {i}", role=Role.engineer)
            for i in range(count)
        ]


def make_queue(key: str, items: int, overlap: int) -> tuple[UUID, float]:
    """A queue of all examples of a made-up scan; and the seconds that it took to make."""
    from app.access.keys import caller_of, require_key
    from app.db import transaction
    from app.reviews.queue_schemas import QueueIn
    from app.reviews.queues import create_queue

    made = add_world(PROJECT, items)
    began = time.perf_counter()
    with transaction() as db:
        body = QueueIn.model_validate(
            {
                "name": f"{items} items",
                "scan_id": made.scan_id,
                "policy": {"kind": "filter"},
                "overlap": overlap,
                "claim_ttl_s": CLAIM_TTL_S,
            }
        )
        queue_id = create_queue(db, caller_of(require_key(db, key)), body).id
    return queue_id, time.perf_counter() - began


def make_bare(items: int) -> None:
    from app.db import transaction

    with transaction() as db:
        for statement in (
            "DROP TABLE IF EXISTS bare_items, bare_verdicts",
            "CREATE TABLE bare_items (id int PRIMARY KEY, place int, taken boolean)",
            "INSERT INTO bare_items SELECT i, i, false FROM generate_series(1, :items) i",
            "CREATE INDEX ON bare_items (place) WHERE NOT taken",
            """CREATE TABLE bare_verdicts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                item int, reviewer text, kind text, at timestamptz DEFAULT now())""",
        ):
            db.execute(text(statement), {"items": items} if ":items" in statement else {})


def vacuum() -> None:
    """What autovacuum would do soon after so much was loaded, so that both begin alike."""
    from app.db import engine

    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def require_sound(queue_id: UUID, overlap: int) -> dict[str, int]:
    """Counts of what must not be, and of what was done."""
    from app.db import transaction

    with transaction() as db:
        votes = db.execute(
            text("""
                SELECT count(*) FILTER (WHERE n > :overlap) AS beyond, coalesce(sum(n), 0) AS votes
                FROM (SELECT count(*) AS n FROM review_votes WHERE queue_id = :q
                    GROUP BY position) v
            """),
            {"q": queue_id, "overlap": overlap},
        ).one()
        lost = db.execute(
            text("""
                SELECT count(*) FROM review_items item
                JOIN review_queues queue ON queue.id = item.queue_id
                WHERE queue_id = :q AND state = 'open' AND queue.overlap <> item.seats + item.votes
                    + (SELECT count(*) FROM review_claims c WHERE c.queue_id = item.queue_id
                        AND c.position = item.position)
            """),
            {"q": queue_id},
        ).scalar_one()
        written = db.execute(
            text("SELECT count(*) FROM review_verdicts WHERE queue_id = :q"), {"q": queue_id}
        ).scalar_one()
    return {
        "beyond overlap": votes.beyond,
        "seats lost": lost,
        "standing": int(votes.votes),
        "written": written,
    }


def held_by(queue_id: UUID, keys: list[str]) -> set[int]:
    """Positions that these reviewers hold, as the database has it."""
    from app.access.keys import require_key
    from app.db import transaction

    held = text("SELECT position FROM review_claims WHERE queue_id = :q AND principal_id = ANY(:p)")
    with transaction() as db:
        people = [require_key(db, key).id for key in keys]
        return set(db.scalars(held, {"q": queue_id, "p": people}))


def come_back(queue_id: UUID, key: str, lost: set[int]) -> int:
    """How many of the items that the killed held others have decided, or are given now."""
    from app.access.keys import caller_of, require_key
    from app.db import transaction
    from app.reviews.claims import MOST_AT_ONCE, next_items

    time.sleep(CLAIM_TTL_S)
    decided = text("SELECT position FROM review_items WHERE queue_id = :q AND state <> 'open'")
    with transaction() as db:
        caller = caller_of(require_key(db, key))
        items = next_items(db, caller, queue_id, count=MOST_AT_ONCE).items
        back = set(db.scalars(decided, {"q": queue_id})) | {item.position for item in items}
    return len(lost & back)


def _row(name: str, seconds: list[float]) -> tuple[list[float], str]:
    cuts = statistics.quantiles(seconds, n=100)
    values = [cuts[49] * 1000, cuts[94] * 1000, cuts[98] * 1000]
    return values, f"{name:28}" + "".join(f"{value:10.2f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reviewers", type=int, default=200)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--overlap", type=int, default=1)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--killed", type=int, default=10, help="reviewers who vanish")
    parser.add_argument("--kill-after", type=float, default=5.0, help="seconds of work")
    parser.add_argument("--think", type=float, default=1.0, help="mean seconds of a decision")
    parser.add_argument("--durable", action="store_true", help="wait for the disk at each commit")
    options = parser.parse_args()
    with served(options.durable):
        keys = make_keys(options.reviewers + options.killed + 1)
        print(f"{'milliseconds':28}{'p50':>10}{'p95':>10}{'p99':>10}")
        first: dict[str, float] = {}
        for items in options.items:
            make_bare(items)
            queue_id, making_s = make_queue(keys[0], items, options.overlap)
            vacuum()
            print(f"-- {items} items, made in {making_s:.1f} s")
            bare, bare_s, _ = run_reviewers(options, "bare", queue_id, keys[:-1])
            ours, ours_s, lost = run_reviewers(options, "reviews", queue_id, keys[:-1])
            for what in ("next", "decide"):
                base, line = _row(f"bare {what}", getattr(bare, what))
                print(line)
                values, line = _row(what, getattr(ours, what))
                ratios = ", ".join(f"{a / b:.2f}" for a, b in zip(values, base, strict=True))
                growth = values[0] / first.setdefault(what, values[0])
                print(f"{line}   ratios {ratios}; p50 {growth:.2f} of the first size's")
            rates = len(bare.decide) / bare_s, len(ours.decide) / ours_s
            print(f"decisions a second: bare {rates[0]:.0f}, ours {rates[1]:.0f}")
            print(require_sound(queue_id, options.overlap))
            back = come_back(queue_id, keys[-1], lost)
            print(f"held by the killed: {len(lost)}; of these came back: {back}")


if __name__ == "__main__":
    main()
