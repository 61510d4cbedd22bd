"""Groups of a project's people: over HTTP, and on their pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import csrf_token, person_signed_in
from tests.support import LAB, get, make_group, make_key, make_person, post

PAGES = "/projects/lab/groups"


@pytest.fixture
def admin(anonymous: TestClient) -> TestClient:
    anonymous.headers["Authorization"] = f"Bearer {make_key('lab', role='admin')}"
    return anonymous


def _log(admin: TestClient) -> list[tuple[str, dict[str, Any]]]:
    """What changed of groups, the first change first."""
    entries = get(admin, "/log")["items"][::-1]
    return [(line["action"], line["details"]) for line in entries if "group" in line["subject"]]


def _people(admin: TestClient, group: str | UUID) -> set[str]:
    return set(get(admin, f"/groups/{group}")["people"])


def test_a_group_is_made_filled_renamed_and_deleted(admin: TestClient) -> None:
    ada, bob = (str(make_person("lab", name=name)) for name in ("Ada", "Bob"))
    group = post(admin, "/groups", {"name": "  night   shift ", "people": [ada, ada]})
    path = f"{LAB}/groups/{group['id']}"
    assert (group["name"], group["people"]) == ("night shift", [ada])
    for _ in range(2):  # the same again changes nothing
        assert admin.put(f"{path}/people", json={"people": [bob]}).status_code == 204
        assert admin.patch(path, json={"name": "day shift"}).status_code == 204
    [listed] = get(admin, "/groups")["items"]
    assert (listed["name"], listed["people"]) == ("day shift", [bob])
    assert admin.delete(path).status_code == 204
    assert get(admin, "/groups")["items"] == []
    assert len(get(admin, "/people")["items"]) == 2
    assert _log(admin) == [
        ("create_group", {"name": "night shift", "people": [ada]}),
        ("change_group", {"joined": [bob], "left": [ada]}),
        ("rename_group", {"before": "night shift", "after": "day shift"}),
        ("delete_group", {"name": "day shift"}),
    ]


def test_what_is_wrong_with_a_group_is_told_at_its_field(admin: TestClient) -> None:
    ada, stranger = make_person("lab"), make_person("elsewhere")
    group = make_group("lab", ada)
    other = make_group("lab", ada, name="day shift")
    foreign = make_group("elsewhere", stranger)
    key = get(admin, "/me")["principal_id"]
    for method, path, body, status, at in (
        ("POST", "", {"name": "night shift"}, 409, "name"),
        ("POST", "", {"name": "x" * 101}, 422, "name"),
        ("POST", "", {"name": "\u200b"}, 422, "name"),
        ("POST", "", {"name": "new", "people": [str(stranger)]}, 422, "people"),
        ("PATCH", f"/{other}", {"name": "night shift"}, 409, "name"),
        ("PATCH", f"/{foreign}", {"name": "mine"}, 404, None),
        ("PUT", f"/{group}/people", {"people": [str(ada), key]}, 422, "people"),
        ("PUT", f"/{foreign}/people", {"people": []}, 404, None),
        ("DELETE", f"/{foreign}", None, 404, None),
        ("GET", f"/{uuid4()}", None, 404, None),
    ):
        answer = admin.request(method, f"{LAB}/groups{path}", json=body)
        assert answer.status_code == status, (method, path, body, answer.text)
        assert answer.json()["remedy"]
        assert [each["field"] for each in answer.json().get("errors", [])] == ([at] if at else [])
    names = [each["name"] for each in get(admin, "/groups")["items"]]
    assert names == ["day shift", "night shift"]
    assert _people(admin, group) == {str(ada)}
    assert _log(admin) == []


def test_whoever_leaves_the_project_leaves_its_groups(admin: TestClient) -> None:
    from app.access import people
    from app.access.models import Role
    from app.db import transaction
    from app.projects.service import ensure_project

    ada, bob = make_person("lab"), make_person("lab")
    with transaction() as db:
        people.add_to_project(db, ada, ensure_project(db, "elsewhere").id, Role.viewer)
    group, elsewhere = make_group("lab", ada, bob), make_group("elsewhere", ada)
    assert admin.delete(f"{LAB}/people/{ada}").status_code == 204
    assert _people(admin, group) == {str(bob)}
    assert get(admin, "/log")["items"][0]["details"]["groups"] == ["night shift"]
    admin.headers["Authorization"] = f"Bearer {make_key('elsewhere', role='admin')}"
    there = admin.get(f"/api/v1/projects/elsewhere/groups/{elsewhere}").json()
    assert there["people"] == [str(ada)]


def test_nobody_is_in_a_group_of_a_project_that_they_leave_meanwhile(admin: TestClient) -> None:
    bob = make_person("lab")
    group = make_group("lab", bob)
    for _ in range(5):
        ada = make_person("lab")
        both = {"people": [str(ada), str(bob)]}
        with ThreadPoolExecutor(2) as pool:
            put = pool.submit(admin.put, f"{LAB}/groups/{group}/people", json=both)
            gone = pool.submit(admin.delete, f"{LAB}/people/{ada}")
        assert (put.result().status_code, gone.result().status_code) in ((204, 204), (422, 204))
        assert _people(admin, group) == {str(bob)}


def test_groups_come_page_by_page(admin: TestClient) -> None:
    ada = make_person("lab")
    made = [str(make_group("lab", ada, name=f"g{n}")) for n in range(3)]
    first = get(admin, "/groups", limit=2)
    second = get(admin, "/groups", limit=2, after=first["next"])
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


def test_an_admin_makes_fills_and_deletes_a_group_by_its_pages(admin: TestClient) -> None:
    browser = person_signed_in(admin, "admin", name="Grace")
    ada = make_person("lab", name="<i>Ada</i>")
    page = browser.get(PAGES).text
    assert "No group" in page
    token = csrf_token(page)

    def send(path: str, status: int = 303, **fields: Any) -> str:
        answer = browser.post(f"{PAGES}{path}", data={"csrf_token": token} | fields)
        assert answer.status_code == status, answer.text
        if status != 303:
            return answer.text
        return browser.get(answer.headers["Location"]).text

    page = send("", name="night <b>shift</b>")
    assert "night &lt;b&gt;shift&lt;/b&gt;" in page
    assert "&lt;i&gt;Ada&lt;/i&gt;" in page
    [group] = get(admin, "/groups")["items"]
    here = f"/{group['id']}"
    assert 'aria-invalid="true"' in send("", 409, name="night <b>shift</b>")
    assert "all of them visible" in send("", 422, name="  ")
    assert f'value="{ada}" checked' in send(f"{here}/people", people=[str(ada)])
    assert "is in this project" in send(f"{here}/people", 422, people=[str(uuid4())])
    assert "new name" in send(f"{here}/name", name="day")
    assert 'aria-invalid="true"' in send(f"{here}/name", 422, name="")
    assert "&lt;i&gt;Ada&lt;/i&gt;" in browser.get(PAGES).text
    assert "checked" not in send(f"{here}/people")
    assert "stay in the project" in send(f"{here}/delete")
    assert "Group not found" in browser.get(f"{PAGES}{here}").text
