"""The page of a new scan: what it offers, refuses, keeps and starts."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from app.scans.new_scan_form import form_of_request, request_of_form
from app.scans.schemas import ScanIn
from tests.app.dashboard.steps import csrf_token, signed_in
from tests.support import (
    blobs_body,
    get,
    linear_spec,
    make_dataset,
    make_run,
    post,
    run_scan,
    save_blobs,
    save_weights,
    work_on_estimate,
)

NEW = "/projects/lab/scans/new"


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    return signed_in(api)


@pytest.fixture
def run(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return make_run(api, data_dir, make_dataset(api, data_dir), 3)


def open_page(browser: TestClient, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


def send(
    browser: TestClient, page: str, status: int = 303, url: str = NEW, **fields: Any
) -> tuple[str, str]:
    """Sends the form; where it leads, and the page it answers with."""
    answer = browser.post(url, data={"csrf_token": csrf_token(page)} | fields)
    assert answer.status_code == status, answer.text
    return answer.headers.get("location", ""), answer.text


def typed(run: dict[str, Any], **changes: Any) -> dict[str, Any]:
    fields = {
        "run": run["id"], "layers": "all", "layer_names": "", "checkpoints": "all",
        "weighting": "eta", "score": "self_influence", "policy": "share", "share": "10",
        "top_k": "100", "threshold": "", "do": "start",
    }  # fmt: skip
    return fields | changes


def problem(page: str, name: str) -> str:
    """What is said beside a field."""
    found = re.search(rf'id="problem-{name}">(.*?)</div>', page, re.DOTALL)
    assert found is not None, name
    return html.unescape(re.sub(r"<[^>]+>", "", found[1]))


def test_without_a_run_it_says_what_to_do(browser: TestClient) -> None:
    page = open_page(browser, NEW)
    assert "No training run yet" in page
    assert "<form method=" not in page.partition("<main")[2]


def test_runs_are_offered_with_their_dataset_and_checkpoints(
    api: TestClient, browser: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    newer = post(
        api, "/runs", {"name": "<b>", "dataset_id": run["dataset_id"], "model": linear_spec()}
    )
    page = open_page(browser, NEW)
    assert f'value="{newer["id"]}" selected' in page
    assert "&lt;b&gt;" in page
    assert "blobs 1, 3 checkpoints" in page
    assert "blobs 1, 0 checkpoints" in page
    asked = open_page(browser, f"{NEW}?run={run['id']}")
    assert f'value="{run["id"]}" selected' in asked
    assert asked.count('name="chosen"') == 3
    assert "It learnt blobs 1: 200 examples." in asked
    open_page(browser, f"{NEW}?run={uuid4()}", 404)
    # Without a script: the button beside the list shows the checkpoints of the run chosen there.
    fields = typed(run, do="show", share="7")
    shown = send(browser, page, 200, **fields)[1]
    assert shown.count('name="chosen"') == 3
    assert 'id="share" name="share" inputmode="decimal" value="7"' in shown


def test_it_starts_the_scan_that_the_form_describes(
    api: TestClient, browser: TestClient, run: dict[str, Any]
) -> None:
    ids = [each["id"] for each in get(api, f"/runs/{run['id']}/checkpoints")]
    page = open_page(browser, NEW)
    location, _ = send(
        browser, page,
        **typed(
            run, layers="names", layer_names=" weight, bi* ", checkpoints="chosen",
            chosen=[ids[2], ids[0]], weighting="equal", score="loss", policy="top_k",
            top_k="1,000", fresh="yes", precision="bf16", canaries=" 200",
        ),
    )  # fmt: skip
    scan = get(api, f"/scans/{location.rpartition('/')[2]}")
    assert scan["run_id"] == run["id"]
    assert scan["layers"] == ["weight", "bi*"]
    assert scan["checkpoint_ids"] == [ids[0], ids[2]]
    assert (scan["weighting"], scan["score"], scan["fresh"]) == ("equal", "loss", True)
    assert scan["policy"] == {"kind": "top_k", "k": 1000}
    assert (scan["precision"], scan["canaries"]) == ("bf16", 200)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"layers": "names", "layer_names": " , "}, "layers", "Name one or more"),
        ({"checkpoints": "chosen"}, "checkpoints", "Tick at least one"),
        ({"checkpoints": "chosen", "chosen": str(uuid4())}, "checkpoints", "no checkpoint"),
        ({"share": "ten"}, "policy", "such as 10"),
        ({"share": "0"}, "policy", "such as 10"),
        ({"share": "101 %"}, "policy", "such as 10"),
        ({"policy": "top_k", "top_k": "1.5"}, "policy", "whole number"),
        ({"policy": "top_k", "top_k": "-3"}, "policy", "whole number"),
        ({"policy": "threshold", "threshold": "nan"}, "policy", "not a number"),
        ({"weighting": "sqrt"}, "weighting", "eta"),
        ({"score": "beauty"}, "score", "loss"),
        ({"precision": "fp8"}, "precision", "bf16"),
        ({"canaries": "some"}, "canaries", "such as 200"),
        ({"canaries": "10001"}, "canaries", "such as 200"),
        ({"canaries": "201"}, "canaries", "at most 200"),
        ({"run": "none"}, "run_id", "UUID"),
        ({"run": str(uuid4())}, "run_id", "no training run"),
    ],
)
@pytest.mark.parametrize("do", ["start", "estimate"])
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    api: TestClient,
    browser: TestClient,
    run: dict[str, Any],
    changes: dict[str, Any],
    field: str,
    words: str,
    do: str,
) -> None:
    page = open_page(browser, NEW)
    fields = typed(run, do=do, top_k="77") | changes
    answer = browser.post(NEW, data={"csrf_token": csrf_token(page)} | fields)
    assert answer.status_code in (404, 422)
    assert words in problem(answer.text, field)
    assert 'role="alert"' in answer.text
    for name in ("layer_names", "share", "top_k", "threshold"):
        assert re.search(
            rf'name="{name}"[^>]* value="{re.escape(str(fields[name]))}"', answer.text
        ), name
    assert get(api, "/scans")["items"] == []


def test_a_dataset_that_is_not_indexed_is_said_beside_the_run(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    dataset = post(api, "/datasets", blobs_body(save_blobs(data_dir)))
    run = make_run(api, data_dir, dataset, 1)
    page = open_page(browser, NEW)
    assert "not indexed yet" in page
    _, answered = send(browser, page, 409, **typed(run))
    assert 'role="alert"' in answered
    assert "index" in answered.partition('role="alert"')[2]


def test_a_failed_checkpoint_cannot_be_ticked(
    api: TestClient, browser: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    from tests.support import check

    path = save_weights(data_dir / "wide.safetensors", in_features=9)
    body = {"uri": str(path), "step": 99, "eta": 0.1}
    check(post(api, f"/runs/{run['id']}/checkpoints", body)["id"])
    page = open_page(browser, NEW)
    assert len(re.findall(r'name="chosen"[^>]* disabled', page)) == 1
    assert "cannot be used" in page
    _, answered = send(browser, page, 409, **typed(run))
    assert "step 99" in problem(answered, "checkpoints")


def test_the_cost_is_asked_for_shown_and_started(
    api: TestClient, browser: TestClient, run: dict[str, Any]
) -> None:
    page = open_page(browser, NEW)
    location, _ = send(browser, page, **typed(run, do="estimate", share="12.5"))
    assert location.endswith("#cost")
    waiting = open_page(browser, location)
    assert "Waiting for a worker" in waiting
    assert "http-equiv" in waiting
    estimate = urlsplit(location).query.removeprefix("estimate=")
    work_on_estimate(estimate)
    shown = open_page(browser, location)
    assert "http-equiv" not in shown
    assert 'value="12.5"' in shown
    names = re.findall(r'<tr id="choice-([^"]+)"', shown)
    assert names == [
        "as_asked",
        "with_evidence",
        "last_layer",
        "every_second_checkpoint",
        "last_checkpoint",
    ]
    for words in ("600 to compute", "200 to compute", "Timed on the CPU", "is the measure"):
        assert words in shown, words
    assert get(api, "/scans")["items"] == []

    choice = {"estimate": estimate, "choice": "last_checkpoint"}
    location, _ = send(browser, shown, url=f"{NEW}/choice", **choice)
    scan = get(api, f"/scans/{location.rpartition('/')[2]}")
    assert len(scan["checkpoint_ids"]) == 1
    assert scan["policy"] == {"kind": "share", "share": 0.125}
    unknown = {"estimate": estimate, "choice": "for_nothing"}
    send(browser, shown, 404, url=f"{NEW}/choice", **unknown)
    send(browser, shown, 404, url=f"{NEW}/choice", estimate=str(uuid4()), choice="as_asked")

    run_scan(scan["id"])
    location, _ = send(browser, page, **typed(run, do="estimate"))
    work_on_estimate(urlsplit(location).query.removeprefix("estimate="))
    assert "200 of 600 held already" in open_page(browser, location)


def test_what_only_a_dry_run_finds_stands_beside_its_field_too(
    browser: TestClient, run: dict[str, Any]
) -> None:
    page = open_page(browser, NEW)
    fields = typed(run, do="estimate", layers="names", layer_names="no_such_layer")
    location, _ = send(browser, page, **fields)
    work_on_estimate(urlsplit(location).query.removeprefix("estimate="))
    failed = open_page(browser, location)
    assert "no_such_layer" in problem(failed, "layers")
    assert "would fail for the same reason" in failed
    assert 'value="no_such_layer"' in failed


def test_a_viewer_neither_sees_nor_uses_it(api: TestClient, run: dict[str, Any]) -> None:
    viewer = signed_in(api, role="viewer")
    dataset = f"/projects/lab/datasets/{run['dataset_id']}"
    for path in ("/projects/lab/scans", dataset):
        assert "/scans/new" not in open_page(viewer, path)
    open_page(viewer, NEW, 403)
    token = csrf_token(open_page(viewer, "/projects/lab/scans"))
    fields = typed(run) | {"csrf_token": token}
    for url in (NEW, f"{NEW}/choice"):
        assert viewer.post(url, data=fields).status_code == 403
    assert get(api, "/scans")["items"] == []


def test_a_form_from_elsewhere_is_refused(
    api: TestClient, browser: TestClient, run: dict[str, Any]
) -> None:
    for url in (NEW, f"{NEW}/choice"):
        for token in ("", "guessed"):
            fields = typed(run, csrf_token=token, estimate=str(uuid4()), choice="as_asked")
            assert browser.post(url, data=fields).status_code == 403
    assert get(api, "/scans")["items"] == []


def test_scans_and_a_dataset_with_runs_lead_to_it(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    dataset = make_dataset(api, data_dir)
    page = f"/projects/lab/datasets/{dataset['id']}"
    assert f'href="{NEW}"' in open_page(browser, "/projects/lab/scans")
    assert "/scans/new" not in open_page(browser, page)
    run = make_run(api, data_dir, dataset, 1)
    assert f'href="{NEW}?run={run["id"]}"' in open_page(browser, page)


def test_the_page_takes_as_many_statements_for_many_runs_as_for_few(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    from tests.app.scans.test_pages import statements

    dataset = make_dataset(api, data_dir)
    make_run(api, data_dir, dataset, 1)
    with statements() as few:
        open_page(browser, NEW)
    for _ in range(8):
        make_run(api, data_dir, dataset, 1)
    with statements() as many:
        page = open_page(browser, NEW)
    assert page.count("blobs 1, 1 checkpoint<") == 9
    assert len(many) == len(few)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layers": ["layer4.*", "fc"], "weighting": "equal", "score": "el2n", "fresh": True},
        {"checkpoints": [str(uuid4()), str(uuid4())], "policy": {"kind": "top_k", "k": 12345678}},
        {"layers": "last", "policy": {"kind": "threshold", "score": -1.2345678901234567e-9}},
        {"policy": {"kind": "share", "share": 0.07}},
    ],
)
def test_a_request_comes_back_from_its_form(changes: dict[str, Any]) -> None:
    request = ScanIn.model_validate({"run_id": str(uuid4())} | changes)
    assert request_of_form(form_of_request(request)) == request
