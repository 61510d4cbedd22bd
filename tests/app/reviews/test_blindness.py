"""In a blind queue nothing tells a reviewer a flag, an audit and a canary apart."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.reviews import mixing
from tests.app.reviews.mixed import Always, Never, found_right, queue_of, roles_of
from tests.app.reviews.world import Person, SignedIn, get, post, sql
from tests.support import LAB, make_scan, run_scan


@pytest.fixture
def scan(api: TestClient, data_dir: Path) -> dict[str, Any]:
    made = make_scan(api, data_dir, evidence=True)
    run_scan(made["id"])
    return made


class Mixed:
    """A blind queue in which a reviewer holds flags, audits and canaries."""

    def __init__(self, api: TestClient, scan: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
        self.scan = scan["id"]
        found_right(api, self.scan, 30)
        policy = {"kind": "flagged"}
        self.queue = queue_of(api, self.scan, policy=policy, audits=3, canaries=3, overlap=2)
        self.ada = SignedIn(api)
        for dice, count in ((Always(2), 3), (Always(2), 6), (Never(2), 9)):
            patch.setattr(mixing, "CHANCE", dice)
            self.ada.ask(self.queue, count=count)
        self.roles = roles_of(self.queue)
        self.items = self.ada.ask(self.queue, count=9)["items"]

    def kinds(self, told: dict[int, Any]) -> dict[str, set[str]]:
        """What was told of items of each role, without what is each one's own."""
        by_role: dict[str, set[str]] = defaultdict(set)
        for position, each in told.items():
            by_role[self.roles[position]].add(json.dumps(each, sort_keys=True))
        return by_role


def require_alike(by_role: dict[str, set[str]]) -> None:
    assert set(by_role) == {"flag", "audit", "canary"}
    assert len(set().union(*by_role.values())) == 1, by_role


_OWN = {"position", "key", "given_label", "label", "id", "at", "token", "expires_at"}


def _but_own(told: dict[str, Any]) -> dict[str, Any]:
    return {name: type(value).__name__ if name in _OWN else value for name, value in told.items()}


def _page_shape(page: str, item: dict[str, Any]) -> str:
    """A page without the item's content, its label, which is a number, and all other numbers."""
    shape = re.sub(r"<dd>.*?</dd>", "<dd>", page).replace(item["key"], "KEY")
    # Which of the choices is the given label, whose order is that of the classes.
    shape = shape.replace(' <span class="muted small">given</span>', "")
    shape = re.sub(r'content="[^"]*"|value="[^"]{20,}"', "", shape)
    return re.sub(r"\d+", "#", shape)


def test_items_look_alike(
    api: TestClient, scan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = Mixed(api, scan, monkeypatch)
    ada, queue = mixed.ada, mixed.queue
    assert {mixed.roles[item["position"]] for item in mixed.items} == {"flag", "audit", "canary"}
    require_alike(mixed.kinds({item["position"]: _but_own(item) for item in mixed.items}))
    positions = [item["position"] for item in mixed.items]
    views = {p: get(ada.client, f"/queues/{queue}/items/{p}") for p in positions}
    require_alike(mixed.kinds({p: _but_own(view) for p, view in views.items()}))
    for name in ("role", "place", "priority", "suggested_label"):
        assert {view[name] for view in views.values()} == {None}
    pages, parts = {}, {}
    for item in mixed.items:
        path = f"/projects/lab/queues/{queue}"
        answer = ada.client.get(f"{path}/items/{item['position']}")
        assert answer.status_code == 200
        pages[item["position"]] = _page_shape(answer.text, item)
        part = ada.client.get(f"{path}/parts", params={"position": item["position"]}).text
        assert "the model" not in part.lower()
        assert "uspicio" not in part
        parts[item["position"]] = _page_shape(part, item)
        evidence = ada.client.get(f"{path}/items/{item['position']}/evidence")
        assert evidence.status_code == 403
    require_alike(mixed.kinds(parts))
    require_alike(mixed.kinds(pages))


def test_deciding_tells_nothing(
    api: TestClient, scan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = Mixed(api, scan, monkeypatch)
    ada, bob, queue = mixed.ada, Person(api), mixed.queue
    answers, histories, progress = {}, {}, {}
    for item in mixed.items:
        before = get(ada.client, f"/queues/{queue}/progress")
        answers[item["position"]] = _but_own(ada.decide(queue, item["position"], "right"))
        after = get(ada.client, f"/queues/{queue}/progress")
        progress[item["position"]] = {
            name: after[name] - before[name] for name in ("item_count", "open", "done", "disputed")
        }
    for item in bob.ask(queue, count=30)["items"]:
        if item["position"] in answers:
            bob.decide(queue, item["position"], "right")
    require_alike(mixed.kinds(answers))
    require_alike(mixed.kinds(progress))
    settled = {p for (p,) in sql(
        "SELECT position FROM review_items WHERE queue_id = :q AND state = 'done'", q=queue
    )}  # fmt: skip
    for position in settled:
        history = get(ada.client, f"/queues/{queue}/items/{position}/verdicts")["items"]
        histories[position] = [
            _but_own(line | {"principal_id": "", "seconds": 0}) for line in history
        ]
    require_alike(mixed.kinds(histories))


def test_the_order_tells_nothing(
    api: TestClient, scan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = Mixed(api, scan, monkeypatch)
    again = mixed.ada.ask(mixed.queue, count=9)["items"]
    # In three parts, as claimed; within each by position, whatever the item is.
    claimed = dict(
        sql("SELECT position, claimed_at FROM review_claims WHERE queue_id = :q", q=mixed.queue)
    )
    order = [item["position"] for item in again]
    assert order == sorted(order, key=lambda position: (claimed[position], position))
    undone = order[0]
    mixed.ada.decide(mixed.queue, undone, "unsure")
    mixed.ada.undo(mixed.queue)
    assert mixed.ada.next(mixed.queue)["position"] == undone


def test_whoever_reviews_blindly_sees_their_own_items_alone(
    api: TestClient, scan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = Mixed(api, scan, monkeypatch)
    ada, queue = mixed.ada, mixed.queue
    mine = {item["position"] for item in mixed.items}
    flag = next(p for p, role in mixed.roles.items() if role == "flag" and p not in mine)
    nothing = next(p for p in range(200) if p not in mixed.roles)
    seen = []
    for position in (flag, nothing):
        told = [
            ada.client.get(f"{LAB}/queues/{queue}/items/{position}"),
            ada.client.get(f"{LAB}/queues/{queue}/items/{position}/verdicts"),
            ada.client.get(f"/projects/lab/queues/{queue}/items/{position}"),
            ada.client.get(f"/projects/lab/queues/{queue}/parts", params={"position": position}),
            ada.client.post(
                f"{LAB}/queues/{queue}/items/{position}/verdicts",
                json={"kind": "right", "token": "7b0f9f6e-2f0e-4b0f-9c85-1f6d6f0f3f55"},
            ),
        ]
        assert [answer.status_code for answer in told] == [403, 403, 403, 200, 409]
        assert "<article" not in told[3].text
        seen.append([re.sub(rf"\b{position}\b", "N", told[i].text) for i in (0, 1, 4)])
    assert seen[0] == seen[1]
    assert not sql("SELECT 1 FROM review_verdicts WHERE queue_id = :q", q=queue)


def test_what_the_scan_found_is_not_for_reviewers_until_the_queue_is_closed(
    api: TestClient, scan: dict[str, Any]
) -> None:
    old = queue_of(api, scan["id"], policy={"kind": "top_k", "k": 20})
    queue = queue_of(api, scan["id"], audits=5)
    dataset = get(api, f"/queues/{queue}")["dataset_id"]
    one = f"/api/v1/projects/lab/scans/{scan['id']}"
    key = get(api, f"/datasets/{dataset}/examples/3")["key"]
    paths = [
        f"{one}/scores",
        f"{one}/scores/3",
        f"{one}/scores-by-key?key={key}",
        f"{one}/flags",
        f"{one}/scores/3/evidence",
        f"{one}/points?x=loss&y=margin",
        f"{one}/comparison?with={scan['id']}",
        f"{one}/comparison/flags?with={scan['id']}&fate=kept",
        f"{LAB}/datasets/{dataset}/changes?since={dataset}",
        f"{LAB}/datasets/{dataset}/changes/examples?since={dataset}",
        f"{LAB}/datasets/{dataset}/examples/3",
        f"{LAB}/queues/{queue}/items",
        f"{LAB}/queues/{queue}/agreement",
        f"{LAB}/queues/{old}/items",
        f"{LAB}/queues/{queue}/imports",
        f"{LAB}/queues/{old}/verdicts?principal_id={Person(api).id}",
        f"/projects/lab/scans/{scan['id']}",
        f"/projects/lab/scans/{scan['id']}/explore",
        f"/projects/lab/scans/{scan['id']}/comparison?with={scan['id']}",
        f"/projects/lab/datasets/{dataset}/changes?since={dataset}",
        f"/projects/lab/scans/{scan['id']}/examples/3",
        f"/projects/lab/queues/{queue}/items",
        f"/projects/lab/queues/{queue}/log",
        f"/projects/lab/queues/{old}/log",
    ]
    posts = [
        (f"{one}/evidence", {"positions": [3]}),
        (f"{one}/region", {"x": "loss", "y": "margin"}),
    ]

    def statuses(who: SignedIn) -> set[int]:
        found = {who.client.get(path).status_code for path in paths}
        return found | {who.client.post(path, json=body).status_code for path, body in posts}

    ada, lead, looker = SignedIn(api), SignedIn(api, "engineer"), SignedIn(api, "viewer")
    assert statuses(ada) == {403}
    problem = ada.client.get(paths[0]).json()
    assert problem["type"].endswith("review-under-blind-review")
    assert "closed" in problem["detail"]
    assert statuses(lead) == statuses(looker) == {200}
    page = ada.client.get(f"/projects/lab/queues/{queue}").text
    assert "reviewed blindly" in page
    assert "wrong labels found" not in page
    assert "wrong labels found" not in ada.client.get("/projects/lab").text
    assert "wrong labels found" in looker.client.get(f"/projects/lab/queues/{queue}").text
    assert ada.client.get(f"/projects/lab/queues/{queue}/review").status_code == 200
    assert lead.client.post(f"{LAB}/queues/{queue}/close").status_code == 200
    assert statuses(ada) == {200}


def test_an_import_that_was_undone_tells_nothing(
    api: TestClient, scan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "CHANCE", Never(1))
    queue = queue_of(api, scan["id"], audits=1)
    ada = SignedIn(api)
    item = ada.next(queue)
    ada.client.post(f"{LAB}/queues/{queue}/claims/release")
    annotation = {"key": item["key"], "annotator": "cy", "kind": "unusable"}
    body = {"tool": "argilla", "annotations": [annotation]}
    made = post(api, f"/queues/{queue}/imports", body)
    post(api, f"/queues/{queue}/imports/{made['id']}/undo", status=200)
    assert ada.next(queue)["position"] == item["position"]
    path = f"/queues/{queue}/items/{item['position']}/verdicts"
    assert len(get(api, path)["items"]) == 2
    assert get(ada.client, path)["items"] == []


def test_an_engineer_who_reviews_is_not_led_either(
    api: TestClient, scan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "CHANCE", Always(1))
    queue = queue_of(api, scan["id"], audits=2)
    lead = SignedIn(api, "engineer")
    item = lead.next(queue)
    assert (item["place"], item["priority"], item["suggested_label"]) == (None, None, None)
    view = get(lead.client, f"/queues/{queue}/items/{item['position']}")
    assert view["role"] is None
    lead.decide(queue, item["position"], "right")
    assert get(lead.client, f"/queues/{queue}/items/{item['position']}")["role"] in (
        "audit",
        "flag",
    )
