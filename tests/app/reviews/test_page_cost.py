"""What pages of queues cost in the database: every row of theirs is found by an index."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import person_signed_in
from tests.app.reviews.test_cost import explained, sent_statements
from tests.app.reviews.world import Person, make_queue, sql
from tests.support import make_key

PROJECT = "/projects/lab"
PAGES = (
    "", "/live", "?agreement=1", "/items", "/items?which=wrong", "/items?which=right&given=cat",
    "/items?which=wrong&given=cat&verdict=dog", "/items?which=unusable", "/items?which=disputed",
    "/items?given=cat&suggested=dog", "/log", "/log?who={who}", "/settings", "/bulk",
    "/imports",
    "/bulk?given=cat",
)  # fmt: skip


def _busy_queue(api: TestClient) -> tuple[str, Person]:
    """A queue in the middle of its work, beside one of another project that is much larger."""
    queue, _ = make_queue(api, 6_000, overlap=2)
    other, _ = make_queue(api, 40_000)
    ada, bob = Person(api), Person(api)
    for _ in range(5):
        ada.work(queue)
        bob.work(queue, "unusable")
    for each, last in ((queue, 300), (other, 20_000)):
        sql(
            "UPDATE review_items SET state = 'done', seats = 0, settled_by = 'consensus',"
            " outcome = (ARRAY['right', 'relabel', 'unusable'])[1 + place % 3],"
            " outcome_label = suggested_label WHERE queue_id = :q AND place BETWEEN 100 AND :n",
            q=each,
            n=last,
        )
        sql(
            "INSERT INTO review_votes (queue_id, position, principal_id, verdict_id, kind, label)"
            " SELECT queue_id, position, :me, 0, 'right', given_label FROM review_items"
            " WHERE queue_id = :q AND place BETWEEN 100 AND :n",
            q=each,
            n=last,
            me=ada.id,
        )
    sql(
        "INSERT INTO review_desks (queue_id, principal_id, base, since, pending, pending_at, epoch)"
        " VALUES (:q, :me, 0, now(), 0, now(), 0)",
        q=other,
        me=ada.id,
    )
    sql(
        "INSERT INTO review_verdicts (queue_id, principal_id, position, kind, at, token,"
        " item_state) SELECT :q, :me, i, 'right', now(), gen_random_uuid(), 'done'"
        " FROM generate_series(1, 30000) i",
        q=other,
        me=ada.id,
    )
    make_key("elsewhere")
    sql(
        "UPDATE review_queues SET project_id = projects.id FROM projects"
        " WHERE projects.name = 'elsewhere' AND review_queues.id = :q",
        q=other,
    )
    sql("ANALYZE")
    return queue, ada


def test_no_page_reads_a_table_from_end_to_end(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, ada = _busy_queue(api)
    browser = person_signed_in(api, "admin")
    paths = [f"/queues/{queue}{path}".replace("{who}", ada.id) for path in PAGES]
    with sent_statements(monkeypatch) as sent:
        for path in ("", "/queues", *paths):
            answer = browser.get(PROJECT + path)
            assert answer.status_code == 200, (path, answer.text)
    seen = {query: params for query, params in sent if re.search(r"\breview_\w+", query)}
    assert len(seen) > 15
    bad = []
    for query, params in seen.items():
        plan = explained(query, params)
        if re.search(r"Seq Scan on (review_(items|votes|verdicts)|examples)", plan):
            bad.append(f"{query}\n{plan}")
    assert not bad, "\n\n".join(bad)
