"""Queues assigned to groups: whoever is in a group at a moment has its duties then."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, signed_in
from tests.app.reviews.test_queue_pages import QUEUES, open_page, problem, send, words
from tests.app.reviews.world import LAB, Person, SignedIn, add_world, get, make_queue, sql
from tests.support import make_group, make_key, make_person


@pytest.fixture
def admin(api: TestClient) -> TestClient:
    client = TestClient(api.app)
    client.headers["Authorization"] = f"Bearer {make_key('lab', 'admin')}"
    return client


def put_people(admin: TestClient, group: UUID, *people: SignedIn) -> None:
    body = {"people": [person.id for person in people]}
    answer = admin.put(f"{LAB}/groups/{group}/people", json=body)
    assert answer.status_code == 204, answer.text


def test_whoever_joins_a_group_reviews_its_queues_and_whoever_leaves_does_not(
    api: TestClient, admin: TestClient
) -> None:
    ada, bob, eve = SignedIn(api), SignedIn(api), Person(api)
    group = make_group("lab", ada.person_id)
    queue, _ = make_queue(api, 10, reviewer_groups=[str(group)])
    ada.work(queue)
    for other in (bob, eve):
        assert other.ask(queue, status=403)["type"].endswith("review-not-assigned")
    put_people(admin, group, ada, bob)
    held = bob.next(queue)
    assert held is not None
    put_people(admin, group, ada)
    bob.ask(queue, status=403)
    bob.decide(queue, held["position"], status=403)
    assert admin.delete(f"{LAB}/people/{ada.id}").status_code == 204
    assert ada.client.post(f"{LAB}/queues/{queue}/next").status_code == 404
    assert get(admin, f"/groups/{group}")["people"] == []


def test_a_queue_is_for_people_and_groups_together(api: TestClient) -> None:
    ada, bob, viewer = SignedIn(api), Person(api), SignedIn(api, "viewer")
    group = make_group("lab", ada.person_id, viewer.person_id)
    queue, _ = make_queue(api, 10, reviewers=[bob.id], reviewer_groups=[str(group)] * 2)
    assert ada.next(queue)["position"] != bob.next(queue)["position"]
    # A group gives nobody a role.
    assert viewer.ask(queue, status=403)["type"].endswith("not-allowed")
    body = {"reviewers": [bob.id], "adjudicator_groups": [str(group)]}
    changed = api.put(f"{LAB}/queues/{queue}/people", json=body).json()
    assert (changed["reviewers"], changed["reviewer_groups"]) == ([bob.id], [])
    assert changed["adjudicator_groups"] == [str(group)]
    ada.ask(queue, status=403)
    [action] = sql("SELECT details FROM audit_entries WHERE action = 'assign_queue'")
    assert action[0]["adjudicator_groups"] == [str(group)]


def test_a_group_adjudicates(api: TestClient) -> None:
    ada, bob, carl, dan = SignedIn(api), Person(api), Person(api), Person(api)
    group = make_group("lab", ada.person_id)
    queue, _ = make_queue(api, 3, overlap=2, adjudicator_groups=[str(group)])
    bob.work(queue, "right")
    carl.work(queue, "unusable")
    assert dan.ask(queue, 403, adjudicate=True)["type"].endswith("review-not-adjudicator")
    item = ada.next(queue, adjudicate=True)
    assert ada.decide(queue, item["position"], adjudicate=True)["item_state"] == "done"


def test_groups_that_the_project_has_not_are_refused(api: TestClient) -> None:
    foreign = str(make_group("elsewhere", make_person("elsewhere")))
    queue, made = make_queue(api, 5)
    body = {"name": "q", "scan_id": str(made.scan_id), "policy": {"kind": "filter"}}
    for field in ("reviewer_groups", "adjudicator_groups"):
        for group in (foreign, str(uuid4())):
            for answer in (
                api.post(f"{LAB}/queues", json=body | {field: [group]}),
                api.put(f"{LAB}/queues/{queue}/people", json={field: [group]}),
            ):
                assert answer.status_code == 422
                assert answer.json()["type"].endswith("review-group-unknown")
                assert answer.json()["errors"][0]["field"] == field
    assert len(get(api, "/queues")["items"]) == 1


def test_a_group_with_a_duty_is_not_deleted(api: TestClient, admin: TestClient) -> None:
    group = make_group("lab", make_person("lab"))
    queue, _ = make_queue(api, 5, reviewer_groups=[str(group)])
    for duty in ("reviewer_groups", "adjudicator_groups"):
        api.put(f"{LAB}/queues/{queue}/people", json={duty: [str(group)]})
        answer = admin.delete(f"{LAB}/groups/{group}")
        assert answer.status_code == 409
        assert answer.json()["type"].endswith("group-assigned")
        assert "settings" in answer.json()["remedy"]
    browser = signed_in(api, role="admin")
    token = csrf_token(open_page(browser, f"/projects/lab/groups/{group}"))
    refused = browser.post(f"/projects/lab/groups/{group}/delete", data={"csrf_token": token})
    assert refused.status_code == 409
    assert "assigned to a review queue" in refused.text
    api.put(f"{LAB}/queues/{queue}/people", json={})
    assert admin.delete(f"{LAB}/groups/{group}").status_code == 204


def test_a_lead_ticks_groups_and_the_list_tells_whose_a_queue_is(api: TestClient) -> None:
    ada, bob = SignedIn(api), SignedIn(api)
    group = make_group("lab", ada.person_id, name="night & day")
    queue, _ = make_queue(api, 5)
    lead = signed_in(api)
    settings = f"{QUEUES}/{queue}/settings"
    page = open_page(lead, settings)
    assert f'name="reviewer_groups" value="{group}"' in page
    assert "group of 1 person" in page

    def assign(status: int = 303, **fields: object) -> str:
        sent = {"csrf_token": csrf_token(page)} | fields
        answer = lead.post(f"{QUEUES}/{queue}/people", data=sent)
        assert answer.status_code == status, answer.text
        return answer.text if status != 303 else open_page(lead, settings)

    saved = assign(who="chosen", reviewer_groups=[str(group)], adjudicator_groups=[str(group)])
    for duty in ("reviewer_groups", "adjudicator_groups"):
        assert f'name="{duty}" value="{group}" checked' in saved
    assert 'id="who-chosen" checked' in saved
    refused = assign(422, who="chosen", reviewer_groups=[str(uuid4())])
    assert "no group" in problem(refused, "reviewer_groups")
    assert "assigned to night &amp; day" in open_page(lead, QUEUES)
    assert "adjudicated by night &amp; day" in open_page(lead, QUEUES)
    assert "Review" in words(open_page(ada.client, QUEUES))
    theirs = words(open_page(bob.client, QUEUES))
    assert "Assigned to others" in theirs
    assert "Review" not in theirs
    assign(who="all", reviewer_groups=[str(group)])
    assert get(api, f"/queues/{queue}")["reviewer_groups"] == []


def test_a_new_queue_is_given_to_a_group_by_the_form(api: TestClient) -> None:
    group = make_group("lab", make_person("lab"))
    made, lead = add_world("lab", 20), signed_in(api)
    page = open_page(lead, f"{QUEUES}/new?scan={made.scan_id}")
    assert f'name="reviewer_groups" value="{group}"' in page
    chosen = {"who": "chosen", "reviewer_groups": [str(uuid4())]}
    _, wrong = send(lead, made.scan_id, 422, **chosen)
    assert "no group" in problem(wrong, "reviewer_groups")
    send(lead, made.scan_id, **chosen | {"reviewer_groups": [str(group)]})
    [queue] = get(api, "/queues")["items"]
    assert queue["reviewer_groups"] == [str(group)]
