"""Steps that tests of reviews share: queues from made-up scans, and what people do at them."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID, uuid4

from fastapi.testclient import TestClient
from sqlalchemy import text

from app.access.guards import COOKIE
from benchmarks.review_world import Made, add_scan, add_world
from tests.app.dashboard.steps import browser_of, csrf_token
from tests.support import LAB, begin_session, get, make_key, make_person, post

__all__ = ["LAB", "Made", "Person", "SignedIn", "add_scan", "add_world", "get", "post"]


class Person:
    """A caller of the API with a key of their own."""

    def __init__(self, api: TestClient, role: str = "reviewer", project: str = "lab") -> None:
        self.key = make_key(project, role)
        self.client = TestClient(api.app, raise_server_exceptions=False)
        self.client.headers["Authorization"] = f"Bearer {self.key}"

    @property
    def id(self) -> str:
        from app.access.keys import caller_of, require_key
        from app.db import transaction

        with transaction() as db:
            return str(caller_of(require_key(db, self.key)).principal_id)

    def ask(self, queue: str, status: int = 200, **params: Any) -> Any:
        answer = self.client.post(f"{LAB}/queues/{queue}/next", params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def next(self, queue: str, **params: Any) -> Any:
        """The item to decide now, or None."""
        items = self.ask(queue, **params)["items"]
        return items[0] if items else None

    def decide(
        self, queue: str, position: int, kind: str = "right", *, status: int = 201, **body: Any
    ) -> Any:
        answer = self.client.post(
            f"{LAB}/queues/{queue}/items/{position}/verdicts",
            json={"kind": kind, "token": str(uuid4())} | body,
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def work(self, queue: str, kind: str = "right", **body: Any) -> Any:
        """Take the next item and decide it; None if nothing is left."""
        item = self.next(queue)
        if item is not None:
            self.decide(queue, item["position"], kind, **body)
        return item

    def undo(self, queue: str, steps: int = 1, *, status: int = 200, **body: Any) -> Any:
        answer = self.client.post(
            f"{LAB}/queues/{queue}/undo", json={"steps": steps, "token": str(uuid4())} | body
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def history(self, queue: str) -> Any:
        return get(self.client, f"/queues/{queue}/verdicts")["items"]


class SignedIn(Person):
    """The same for a person, whose requests go with a browser's cookie, as a page's script does."""

    def __init__(self, api: TestClient, role: str = "reviewer", project: str = "lab") -> None:
        self.person_id = make_person(project, role)
        self.client = browser_of(api)
        self.client.cookies.set(COOKIE, begin_session(self.person_id, project))
        self.client.headers["X-CSRF-Token"] = csrf_token(self.client.get("/account").text)

    @property
    def id(self) -> str:
        return str(self.person_id)


class Queue(NamedTuple):
    id: str
    made: Made


def make_queue(api: TestClient, n: int = 50, *, missing: int = 0, **body: Any) -> Queue:
    """A queue of all examples of a made-up scan, unless the body says otherwise."""
    made = add_world("lab", n, missing=missing)
    asked = {
        "name": str(uuid4()),
        "scan_id": str(made.scan_id),
        "policy": {"kind": "filter"},
    }
    return Queue(post(api, "/queues", asked | body)["id"], made)


def sql(statement: str, **values: Any) -> Any:
    """Rows of a statement, which is committed."""
    from app.db import transaction

    with transaction() as db:
        result = db.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else None


def let_claims_expire(of: str | UUID | None = None) -> None:
    """As if the claims' time had passed: of one person, or of everybody."""
    sql(
        "UPDATE review_claims SET expires_at = now() - interval '1 second'"
        " WHERE CAST(:person AS uuid) IS NULL OR principal_id = :person",
        person=of,
    )


def require_sound(queue: str) -> None:
    """What must hold of every item of a queue, whatever happened."""
    unsound = sql(
        """
        SELECT item.position, item.state, item.seats, item.votes, votes.n, claims.n
        FROM review_items item
        JOIN review_queues queue ON queue.id = item.queue_id
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM review_votes vote
            WHERE vote.queue_id = item.queue_id AND vote.position = item.position
                AND vote.kind <> 'skip') votes
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM review_claims claim
            WHERE claim.queue_id = item.queue_id AND claim.position = item.position
                AND NOT claim.adjudicates) claims
        WHERE item.queue_id = :queue AND (
            item.votes <> votes.n OR item.votes > queue.overlap
            OR (item.state = 'open' AND item.seats + votes.n + claims.n <> queue.overlap)
            OR (item.state <> 'open' AND item.seats + claims.n > 0)
            OR (item.state = 'done') <> (item.outcome IS NOT NULL)
        )
        """,
        queue=queue,
    )
    assert unsound == []
    counted = sql(
        "SELECT coalesce(sum(done), 0), coalesce(sum(disputed), 0), coalesce(sum(skipped), 0)"
        " FROM review_tallies WHERE queue_id = :queue",
        queue=queue,
    )
    true = sql(
        "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'disputed'),"
        " (SELECT count(*) FROM review_votes WHERE queue_id = :queue AND kind = 'skip')"
        " FROM review_items WHERE queue_id = :queue",
        queue=queue,
    )
    assert counted == true
    disputes = sql(
        """
        SELECT item.position, item.state, dispute.verdict_id, dispute.is_held, claims.n
        FROM review_items item LEFT JOIN review_disputes dispute USING (queue_id, position)
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM review_claims claim
            WHERE claim.queue_id = item.queue_id AND claim.position = item.position
                AND claim.adjudicates) claims
        WHERE queue_id = :queue AND (
            (item.state = 'disputed')
                <> (dispute.position IS NOT NULL AND dispute.verdict_id IS NULL)
            OR (item.settled_by IS NOT DISTINCT FROM 'adjudication')
                <> (dispute.verdict_id IS NOT NULL)
            OR claims.n <> CAST(coalesce(dispute.is_held, false) AS integer)
        )
        """,
        queue=queue,
    )
    assert disputes == []
    decided = sql(
        """
        SELECT principal_id, coalesce(tally.n, 0), coalesce(stands.n, 0)
        FROM (SELECT principal_id, sum(decided) AS n FROM review_tallies
            WHERE queue_id = :queue GROUP BY principal_id) tally
        FULL JOIN (SELECT principal_id, count(*) AS n FROM (
                SELECT principal_id FROM review_votes WHERE queue_id = :queue AND kind <> 'skip'
                UNION ALL SELECT decided_by FROM review_disputes
                WHERE queue_id = :queue AND decided_by IS NOT NULL
            ) each GROUP BY principal_id) stands USING (principal_id)
        WHERE coalesce(tally.n, 0) <> coalesce(stands.n, 0)
        """,
        queue=queue,
    )
    assert decided == []
