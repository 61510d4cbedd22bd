"""Pages of gates: policies stored and compared, datasets checked, verdicts and what follows."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from benchmarks.review_world import Made, add_world
from cleantrace.reports import FORMATS
from tests.app.dashboard.steps import csrf_token, person_signed_in, signed_in
from tests.app.reviews.test_cost import sent_statements
from tests.app.reviews.world import Person
from tests.support import get, make_key, post

GATES = "/projects/lab/gates"
VERDICTS = "/projects/lab/gate-evaluations"
POLICY = """\
name: release
description: "<i>What a release must meet</i>"
rules:
  - {rule: flags, at_most: 1}
  - {rule: unreviewed_flags, at_most: 9, level: warn}
  - {rule: new_flags}
waivers:
  - {rule: new_flags, owner: "<b>ada", reason: "no {} baseline", until: 2199-12-31}
"""


@pytest.fixture
def made(api: TestClient) -> Made:
    """50 examples of 5 classes; the first 5 in the ranking are flagged."""
    return add_world("lab", 50)


@pytest.fixture
def engineer(api: TestClient) -> TestClient:
    return signed_in(api)


def store(browser: TestClient, text: str) -> Any:
    token = csrf_token(browser.get(f"{GATES}/new").text)
    return browser.post(f"{GATES}/new", data={"csrf_token": token, "policy": text})


def check(browser: TestClient, **form: Any) -> Any:
    token = csrf_token(browser.get(f"{GATES}/check").text)
    return browser.post(f"{GATES}/check", data={"csrf_token": token, **form})


def test_without_gates_it_says_how_to_make_one(api: TestClient, engineer: TestClient) -> None:
    page = engineer.get(GATES).text
    assert "No gate yet" in page
    assert "cleantrace gate check --policy gate.yaml" in page
    assert f'href="{GATES}/new"' in page
    assert f'href="{GATES}/new"' not in signed_in(api, role="viewer").get(GATES).text
    assert "No policy is stored yet" in engineer.get(f"{GATES}/check").text
    assert "No verdict yet" in engineer.get(VERDICTS).text
    # What the form begins with is a policy.
    text = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", engineer.get(f"{GATES}/new").text, re.S)
    assert text is not None
    assert store(engineer, text[1]).status_code == 303
    assert "There is nothing to check" in engineer.get(f"{GATES}/check").text


def test_a_policy_is_stored_and_its_versions_compared(
    api: TestClient, engineer: TestClient
) -> None:
    first = store(engineer, POLICY.replace("\n", "\r\n"))
    assert (first.status_code, first.headers["Location"]) == (
        303,
        f"{GATES}/policies/release?version=1",
    )
    page = engineer.get(first.headers["Location"]).text
    assert "At most 1 flag." in page
    assert "No flags that the baseline has not." in page
    assert "&lt;i&gt;What a release must meet" in page
    assert "new_flags, by &lt;b&gt;ada, until 2199-12-31: no {} baseline" in page
    second = store(engineer, POLICY.replace("at_most: 1", "at_most: 7"))
    page = engineer.get(second.headers["Location"]).text
    assert "From version 1 to 2" in page
    assert "<del>-     at_most: 1</del>" in page
    assert "<ins>+     at_most: 7</ins>" in page
    older = engineer.get(first.headers["Location"]).text
    assert "an earlier version" in older
    assert "From version 2 to 1" in older
    # The form to change it has the version as YAML.
    assert "at_most: 7" in engineer.get(f"{GATES}/new?of=release").text
    assert "at_most: 7" not in engineer.get(f"{GATES}/new?of=release&version=1").text
    assert [each["version"] for each in get(api, "/gates")["items"]] == [2, 1]
    for path in ("other", "release?version=9", "%00", "UPPER"):
        assert engineer.get(f"{GATES}/policies/{path}").status_code == 404
    assert engineer.get(f"{GATES}/new?of=other").status_code == 404


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [a\nrules: b", "line 2"),
        ("", "line 1"),
        ("name: a\nrules:\n  - {rule: flags, at_mots: 3}", "line 3, rules.0.at_mots:"),
        ("name: a\nrules:\n  - {rule: flags}", "give a limit: at_most or at_most_share"),
        ("name: <b>\nrules: []", "line 1, name:"),
        ("name: a\nrules:\n  - {rule: flags, at_most: 1, label: '\ud7ff'}\nwaivers: 3", "waivers:"),
    ],
)
def test_what_is_wrong_with_a_policy_is_told_by_line_and_key(
    api: TestClient, engineer: TestClient, text: str, told: str
) -> None:
    answer = store(engineer, text)
    assert answer.status_code == 422
    assert told in answer.text
    assert "<b>" not in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert get(api, "/gates")["items"] == []


def test_a_dataset_is_checked_and_the_verdict_told(
    api: TestClient, engineer: TestClient, made: Made
) -> None:
    store(engineer, POLICY)
    answer = check(engineer, gate="release", dataset=str(made.dataset_id))
    assert answer.status_code == 303
    url = answer.headers["Location"]
    page = engineer.get(url).text
    assert "Gate failed" in page
    assert "3 rules: 1 failed, 1 waived, 1 passed." in page
    assert "5 flags; at most 1 is asked for." in page
    assert "5 found, at most 1." in page
    assert "Waived by &lt;b&gt;ada until 2199-12-31: no {} baseline" in page
    assert "the same result" in page
    assert page.count('class="card item"') == 5
    assert f"/projects/lab/scans/{made.scan_id}/examples/" in page
    # What stops stands first.
    assert page.index('id="rule-flags"') < page.index('id="rule-new_flags"')

    listed = engineer.get(GATES).text
    assert "1 failed" in listed
    assert url in listed
    assert url in engineer.get(f"{GATES}/policies/release").text
    assert url in engineer.get(f"{VERDICTS}?dataset={made.dataset_id}&gate=release").text
    assert url not in engineer.get(f"{VERDICTS}?gate=other").text
    assert url in engineer.get("/projects/lab").text
    assert f"{VERDICTS}?dataset={made.dataset_id}" in (
        engineer.get(f"/projects/lab/datasets/{made.dataset_id}").text
    )
    by_scan = check(engineer, gate="release", version="1", scan=str(made.scan_id))
    assert by_scan.status_code == 303
    assert "2 failed" in engineer.get(GATES).text


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"gate": "other"}, 404, "There is no gate"),
        ({"version": "9"}, 404, "in version 9"),
        ({"version": "latest"}, 422, "gate_version"),
        ({"version": "٣"}, 404, "in version 3"),
        ({"dataset": ""}, 422, "nothing to check"),
        ({"dataset": "x"}, 422, "dataset_id"),
        ({"dataset": str(uuid4())}, 404, "dataset"),
        ({"fingerprint": "xyz"}, 422, "fingerprint"),
        ({"gate": ""}, 422, "needs a policy"),
    ],
)
def test_a_check_that_cannot_be_made_keeps_what_was_typed(
    api: TestClient,
    engineer: TestClient,
    made: Made,
    form: dict[str, str],
    status: int,
    told: str,
) -> None:
    store(engineer, POLICY)
    asked = {"gate": "release", "dataset": str(made.dataset_id), "baseline": ""} | form
    answer = check(engineer, **asked)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert get(api, "/gate-evaluations")["items"] == []


def evaluated(
    api: TestClient, made: Made, *rules: dict[str, Any], name: str = "of-the-repository"
) -> str:
    policy = {"name": name, "rules": list(rules)}
    asked = {"policy": policy, "scan_id": str(made.scan_id)}
    return f"{VERDICTS}/{post(api, '/gate-evaluations', asked)['id']}"


def test_a_policy_that_is_not_stored_has_its_page_too(
    api: TestClient, engineer: TestClient, made: Made
) -> None:
    url = evaluated(api, made, {"rule": "flags", "at_most_share": 0.5})
    listed = engineer.get(GATES).text
    assert "in a repository, not stored" in listed
    assert "At most 50\N{NO-BREAK SPACE}% of the examples are flagged." in listed
    page = engineer.get(f"{GATES}/policies/of-the-repository").text
    assert url in page
    assert "at_most_share: 0.5" in page
    assert f"{GATES}/new?of=of-the-repository" in page
    assert "Gate passed" in engineer.get(url).text


def test_one_click_makes_a_queue_of_what_nobody_has_decided(
    api: TestClient, engineer: TestClient, made: Made
) -> None:
    flags = {flag["key"]: flag for flag in get(api, f"/scans/{made.scan_id}/flags")["items"]}
    queue = post(api, "/queues", {"name": "first", "scan_id": str(made.scan_id)})["id"]
    ada = Person(api)
    decided = ada.work(queue, "right")["key"]
    url = evaluated(
        api, made, {"rule": "unreviewed_flags", "at_most": 0}, {"rule": "flags", "at_most": 99}
    )
    page = engineer.get(url).text
    assert "Make a queue of the unreviewed flags" in page
    token = csrf_token(page)
    answer = engineer.post(f"{url}/queue", data={"csrf_token": token})
    assert answer.status_code == 303, answer.text
    made_queue = answer.headers["Location"].rpartition("/")[2]
    items = get(api, f"/queues/{made_queue}/items")["items"]
    assert {item["key"] for item in items} == set(flags) - {decided}
    # Once all are decided there is nothing to make a queue of.
    while ada.work(queue, "right"):
        pass
    nothing = engineer.post(f"{url}/queue", data={"csrf_token": token})
    assert (nothing.status_code, "Check the gate again" in nothing.text) == (409, True)
    viewer = signed_in(api, role="viewer")
    assert "Make a queue" not in viewer.get(url).text


def test_what_to_do_next_depends_on_what_is_missing(
    api: TestClient, engineer: TestClient, made: Made
) -> None:
    rules = [{"rule": "wrong_labels", "at_most": 0.01}, {"rule": "found_wrong"}]
    page = engineer.get(evaluated(api, made, *rules)).text
    assert "No verdict possible" in page
    assert f'href="/projects/lab/datasets/{made.dataset_id}/estimate"' in page
    assert f'href="/projects/lab/queues/new?scan={made.scan_id}"' in page
    assert "Export the corrections" not in page
    assert "Most suspicious examples" not in page
    recall = engineer.get(evaluated(api, made, {"rule": "detector_recall", "at_least": 1})).text
    assert "The scan planted no errors." in recall
    assert 'href="/projects/lab/scans/new?run=' in recall
    assert "/scans/new?run=" not in page
    passed = engineer.get(evaluated(api, made, {"rule": "flags", "at_most": 99})).text
    assert "What to do next" not in passed


@pytest.mark.parametrize("name", FORMATS)
def test_each_report_is_a_file(api: TestClient, made: Made, name: str) -> None:
    url = evaluated(api, made, {"rule": "flags", "at_most": 0})
    viewer = signed_in(api, role="viewer")
    page = viewer.get(url).text
    assert f'href="{url}/reports/{name}"' in page
    assert "reports/png" not in page
    answer = viewer.get(f"{url}/reports/{name}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="gate-of-the-repository-'
    )
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "5 flags" in answer.text


def test_a_report_that_there_is_not(api: TestClient, engineer: TestClient, made: Made) -> None:
    url = evaluated(api, made, {"rule": "flags", "at_most": 0})
    assert engineer.get(f"{url}/reports/pdf").status_code == 404
    assert engineer.get(f"{url}/reports/png").status_code == 409
    assert engineer.get(f"{VERDICTS}/{uuid4()}/reports/html").status_code == 404


def test_whoever_reviews_blindly_sees_no_verdict_of_it(api: TestClient, made: Made) -> None:
    url = evaluated(api, made, {"rule": "flags", "at_most": 0})
    ada, viewer = person_signed_in(api), signed_in(api, role="viewer")
    assert ada.get(url).status_code == 200
    post(api, "/queues", {"name": "blind", "scan_id": str(made.scan_id), "audits": 9})
    for path in (url, f"{url}/reports/html", f"{url}/reports/png"):
        answer = ada.get(path)
        assert (answer.status_code, "key-" in answer.text) == (403, False)
        assert viewer.get(path).status_code in (200, 409)
    for path in (GATES, VERDICTS, f"{GATES}/policies/of-the-repository", "/projects/lab"):
        page = ada.get(path)
        assert (page.status_code, "key-" in page.text) == (200, False)


def test_lists_go_on_from_page_to_page(api: TestClient, engineer: TestClient, made: Made) -> None:
    for number in range(22):
        policy = {"name": f"gate-{number:02}", "rules": [{"rule": "new_flags"}]}
        post(api, "/gates", {"policy": policy})
    for _ in range(21):
        evaluated(api, made, {"rule": "flags", "at_most": 0})
    first = engineer.get(GATES).text
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following is not None
    second = engineer.get(following[1].replace("&amp;", "&")).text
    assert ("gate-21" in first, "gate-21" in second) == (False, True)
    policy = engineer.get(f"{GATES}/policies/of-the-repository").text
    following = re.search(r'href="([^"#]+)#verdicts" rel="next"', policy)
    assert following is not None
    assert engineer.get(following[1].replace("&amp;", "&")).text.count('id="open-') == 1
    assert engineer.get(f"{GATES}?after=WyJcdTAwMDAiXQ").status_code == 422


def test_a_list_of_many_gates_asks_the_database_no_more_than_one_of_few(
    api: TestClient, engineer: TestClient, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def statements() -> int:
        with sent_statements(monkeypatch) as sent:
            assert engineer.get(GATES).status_code == 200
        return sum("gate_" in query or "FROM datasets" in query for query, _ in sent)

    evaluated(api, made, {"rule": "flags", "at_most": 0})
    few = statements()
    for number in range(4):
        evaluated(api, made, {"rule": "flags", "at_most": 0}, name=f"gate-{number}")
    assert statements() == few


def test_another_project_sees_none_of_it(api: TestClient, made: Made) -> None:
    url = evaluated(api, made, {"rule": "flags", "at_most": 0})
    make_key("elsewhere")
    stranger = signed_in(api, project="elsewhere")
    there = url.replace("/lab/", "/elsewhere/")
    for path in (
        there,
        f"{there}/reports/html",
        "/projects/elsewhere/gates/policies/of-the-repository",
    ):
        assert stranger.get(path).status_code == 404
    assert "of-the-repository" not in stranger.get("/projects/elsewhere/gates").text
