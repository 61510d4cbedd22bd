"""The scan pages: states, filters, paging, and what is never executed."""

from __future__ import annotations

import ast
import html
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from cleantrace import Client
from tests.app.dashboard.steps import csrf_token, signed_in
from tests.support import (
    blobs_body,
    get,
    index,
    linear_spec,
    make_dataset,
    make_run,
    make_scan,
    plan,
    post,
    run_scan,
    save_weights,
    score_all,
)

SCANS = "/projects/lab/scans"


@pytest.fixture
def scan(api: TestClient, data_dir: Path) -> str:
    """A complete scan of 200 blobs of 3 classes, 60 of them flagged."""
    made: str = make_scan(api, data_dir, 200, policy={"kind": "top_k", "k": 60})["id"]
    run_scan(made)
    return made


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    return signed_in(api)


def open_page(browser: TestClient, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


def keys_on(page: str) -> list[str]:
    """Keys of the examples listed, in order."""
    return re.findall(r'title="key of the example"[^>]*>([^<]+)<', page)


def link(page: str, text: str) -> str:
    """Where the link with these words leads, without its fragment."""
    found = re.search(rf'<a [^>]*href="([^"#]*)[^"]*"[^>]*>\s*{re.escape(text)}', page)
    assert found is not None, (text, page)
    return html.unescape(found[1])


@contextmanager
def statements() -> Iterator[list[str]]:
    """Counts the SQL statements of the block."""
    from sqlalchemy import event

    from app.db import engine

    seen: list[str] = []

    def note(*call: Any) -> None:
        seen.append(call[2])

    event.listen(engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine(), "before_cursor_execute", note)


def test_an_empty_project_is_told_what_to_do_next(browser: TestClient) -> None:
    page = open_page(browser, SCANS)
    assert "No scan yet" in page
    assert "curl -X POST" in page
    assert "/api/v1/projects/lab/scans" in page
    # The Python shown calls what the client has, with arguments that it takes.
    shown = re.search(r'aria-label="In Python"><code>(.*?)</code>', page, re.DOTALL)
    assert shown is not None
    calls = [
        node
        for node in ast.walk(ast.parse(html.unescape(shown[1])))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    assert len(calls) == 5
    for call in calls:
        assert isinstance(call.func, ast.Attribute)
        named = {word.arg: None for word in call.keywords if word.arg}
        method = getattr(Client, call.func.attr)
        inspect.signature(method).bind(None, *call.args, **named)


def test_the_list_tells_dataset_run_state_and_flagged(browser: TestClient, scan: str) -> None:
    page = open_page(browser, SCANS)
    for words in ("blobs 1", "linear", "complete", "60", "30", "key test"):
        assert words in page
    assert "data-events" not in page
    assert "http-equiv" not in page


def test_the_list_takes_as_many_statements_for_many_scans_as_for_few(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir))
    post(api, "/scans", {"run_id": run["id"]})
    with statements() as few:
        open_page(browser, SCANS)
    for _ in range(8):
        post(api, "/scans", {"run_id": run["id"]})
    with statements() as many:
        page = open_page(browser, SCANS)
    assert page.count("<tr id=") == 9
    assert len(many) == len(few)


def test_scans_come_in_pages_each_once(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    run = make_run(api, data_dir, make_dataset(api, data_dir))
    made = {post(api, "/scans", {"run_id": run["id"]})["id"] for _ in range(35)}
    first = open_page(browser, SCANS)
    second = open_page(browser, link(first, "Next page"))
    shown = re.findall(r'<tr id="scan-([^"]+)"', first + second)
    assert len(shown) == len(made)
    assert set(shown) == made
    assert link(second, "← First page") == SCANS
    assert "Next page" not in second


def test_scans_of_one_dataset(api: TestClient, browser: TestClient, scan: str) -> None:
    dataset = get(api, f"/scans/{scan}")["dataset_id"]
    assert f"scan-{scan}" in open_page(browser, f"{SCANS}?dataset={dataset}")
    assert "There is no dataset" in open_page(browser, f"{SCANS}?dataset={uuid4()}", 404)


def test_a_running_scan_shows_progress_and_can_be_cancelled_and_gone_on_with(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    from workers.scanning.shards import run_next_shard

    scan = make_scan(api, data_dir, 200)["id"]
    url = f"{SCANS}/{scan}"
    assert "Waiting for a worker" in open_page(browser, url)
    plan(scan)
    run_next_shard(UUID(scan))
    page = open_page(browser, url)
    assert f'data-events="/api/v1{url}/events"' in page
    assert 'max="200" value="64"' in page
    assert "32 %" in page
    assert "http-equiv" in page  # for browsers without scripts
    form = {"csrf_token": csrf_token(page)}
    assert browser.post(f"{url}/cancel", data=form).headers["Location"] == url
    page = open_page(browser, url)
    assert "This scan was cancelled" in page
    assert "64 of 200 examples were scored" in page
    browser.post(f"{url}/retry", data=form)
    plan(scan)
    score_all(scan)
    assert "Examples whose label is likely wrong" in open_page(browser, url)
    late = browser.post(f"{url}/cancel", data=form)
    assert late.status_code == 409
    assert "the scan is over" in late.text.lower()


def test_a_viewer_sees_but_has_no_buttons(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    scan = make_scan(api, data_dir, 200)["id"]
    assert "Cancel scan" in open_page(browser, f"{SCANS}/{scan}")
    assert "Cancel scan" not in open_page(signed_in(api, role="viewer"), f"{SCANS}/{scan}")


def test_a_failed_scan_tells_its_reason_and_remedy(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    scan = make_scan(api, data_dir, 200, layers=["no_such_layer"])["id"]
    for _ in range(3):
        plan(scan)
    failure = get(api, f"/scans/{scan}")["failure"]
    page = html.unescape(open_page(browser, f"{SCANS}/{scan}"))
    assert failure["detail"] in page
    assert "Name layers of the model" in page
    assert f"{SCANS}/{scan}/retry" in page


def test_all_pages_of_all_examples_add_up_to_the_whole(browser: TestClient, scan: str) -> None:
    url: str | None = f"{SCANS}/{scan}?which=all"
    seen: list[str] = []
    while url:
        page = open_page(browser, url)
        seen += keys_on(page)
        url = link(page, "Next page") if "Next page" in page else None
    assert len(seen) == 200
    assert len(set(seen)) == 200


@pytest.mark.parametrize("order", ["rank", "loss", "margin", "self_influence", "position"])
def test_flagged_examples_come_in_every_order_each_once(
    api: TestClient, browser: TestClient, scan: str, order: str
) -> None:
    url: str | None = f"{SCANS}/{scan}?order={order}"
    seen: list[str] = []
    while url:
        page = open_page(browser, url)
        seen += keys_on(page)
        url = link(page, "Next page") if "Next page" in page else None
    scores = get(api, f"/scans/{scan}/scores", order=order, flagged=True, limit=200)["items"]
    assert seen == [score["key"] for score in scores]
    assert len(seen) == 60


def test_filters_narrow_by_class_and_the_example_page_keeps_them(
    api: TestClient, browser: TestClient, scan: str
) -> None:
    pairs = get(api, f"/scans/{scan}")["summary"]["pairs"]
    pair = max(pairs, key=lambda item: item["count"])
    query = f"?label={pair['given']}&suggested={pair['suggested']}"
    flags = get(
        api, f"/scans/{scan}/flags", label=pair["given"], suggested=pair["suggested"], limit=100
    )["items"]
    assert len(flags) == pair["count"] > 2
    page = open_page(browser, f"{SCANS}/{scan}{query}")
    assert keys_on(page) == [flag["key"] for flag in flags][:20]
    assert f"given {pair['given']}" in page
    assert "Reset filters" in page

    positions = [flag["position"] for flag in flags]
    example = f"{SCANS}/{scan}/examples/{positions[1]}{query}"
    page = html.unescape(open_page(browser, example))
    before = f"{SCANS}/{scan}/examples/{positions[0]}{query}"
    after = f"{SCANS}/{scan}/examples/{positions[2]}{query}"
    assert f'href="{before}" data-key="ArrowLeft"' in page
    assert f'href="{after}" data-key="ArrowRight"' in page
    assert f'href="{SCANS}/{scan}{query}#examples" data-key="Escape"' in page
    first = html.unescape(open_page(browser, before))
    assert 'data-key="ArrowLeft"' not in first
    assert 'aria-disabled="true"' in first


def test_a_class_without_flags_is_an_empty_result_with_a_way_out(
    api: TestClient, browser: TestClient, scan: str
) -> None:
    pairs = {(p["given"], p["suggested"]) for p in get(api, f"/scans/{scan}")["summary"]["pairs"]}
    assert ("0", "0") not in pairs
    page = open_page(browser, f"{SCANS}/{scan}?label=0&suggested=0")
    assert "No example fits this filter" in page
    assert "Reset filters" in page
    assert "no class" in open_page(browser, f"{SCANS}/{scan}?label=nothing", 422)


def test_a_form_without_scripts_may_send_empty_fields(browser: TestClient, scan: str) -> None:
    plain = open_page(browser, f"{SCANS}/{scan}")
    sent = open_page(browser, f"{SCANS}/{scan}?label=&suggested=&order=rank")
    assert keys_on(sent) == keys_on(plain)
    assert "Reset filters" not in sent


def test_an_example_tells_its_scores_and_its_terms(
    api: TestClient, browser: TestClient, scan: str
) -> None:
    flag = get(api, f"/scans/{scan}/flags", limit=1)["items"][0]
    page = html.unescape(open_page(browser, f"{SCANS}/{scan}/examples/{flag['position']}"))
    text = page.replace("\N{NO-BREAK SPACE}", " ")
    assert flag["reason"] in text
    assert flag["key"] in text
    assert "rank 1 of 200" in text
    assert "Squared gradient norm at each checkpoint: step 10" in text
    for name in ("x[0]", "self-influence", "mean loss", "mean margin", "EL2N"):
        assert name in text
    assert "no example" in open_page(browser, f"{SCANS}/{scan}/examples/200", 404)


def test_an_example_without_a_finite_score_says_so(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    path = data_dir / "huge.csv"
    rows = [f"{i},{3e30 if i == 3 else i % 5},{i % 3},0,1,{i % 3}" for i in range(12)]
    path.write_text("id,a,b,c,d,label\n" + "\n".join(rows) + "\n")
    columns = {"input": ["a", "b", "c", "d"], "label": "label", "key": "id"}
    body = {"name": "huge", "version": "1", "uri": str(path), "format": "csv"}
    made = post(api, "/datasets", body | {"task": "classification", "columns": columns})
    index(made["id"])
    run = make_run(api, data_dir, made)
    scan = post(api, "/scans", {"run_id": run["id"]})["id"]
    run_scan(scan)
    assert get(api, f"/scans/{scan}")["summary"]["non_finite"] == 1
    page = open_page(browser, f"{SCANS}/{scan}?which=not_finite")
    assert keys_on(page) == ["3"]
    assert "not ranked" in page
    example = open_page(browser, f"{SCANS}/{scan}/examples/3?which=not_finite")
    assert "not a finite number" in example


def test_labels_keys_and_names_of_others_are_never_markup(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    evil = '"><script>alert(1)</script>'
    path = data_dir / "evil.csv"
    lines = ["id,a,b,c,d,label"]
    for i in range(30):
        quoted = evil.replace('"', '""')
        label = "plain" if i % 3 == 0 else quoted if i % 3 == 1 else "'x' & <b>"
        lines.append(f'"{quoted}{i}",{i},{-i},{i % 4},1,"{label}"')
    path.write_text("\n".join(lines) + "\n")
    columns = {"input": ["a", "b", "c", "d"], "label": "label", "key": "id"}
    made = post(
        api,
        "/datasets",
        {"name": evil, "version": "<i>1</i>", "uri": str(path), "format": "csv",
         "task": "classification", "columns": columns},
    )  # fmt: skip
    index(made["id"])
    run = post(api, "/runs", {"name": evil, "dataset_id": made["id"], "model": linear_spec()})
    weights = save_weights(data_dir / "w.safetensors")
    body = {"uri": str(weights), "step": 1, "eta": 0.1}
    post(api, f"/runs/{run['id']}/checkpoints", body)
    scan = post(api, "/scans", {"run_id": run["id"], "policy": {"kind": "share", "share": 1}})
    run_scan(scan["id"])
    url = f"{SCANS}/{scan['id']}"
    for path_ in (SCANS, url, f"{url}?which=all", f"{url}/examples/1", "/projects/lab/datasets",
                  f"/projects/lab/datasets/{made['id']}"):  # fmt: skip
        page = open_page(browser, path_)
        assert "<script>alert" not in page
        assert "<b>" not in page.replace("<b aria-label", "")
        assert "<i>1" not in page
        assert "&lt;script&gt;alert" in page


def test_dataset_pages_tell_classes_rejected_rows_and_failures(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    path = data_dir / "rows.csv"
    path.write_text("id,a,label\n1,0.5,cat\n2,what,dog\n3,1,dog\n4,2,dog\n")
    columns = {"input": ["a"], "label": "label", "key": "id"}
    body = {"uri": str(path), "format": "csv", "task": "classification", "columns": columns}
    skipping = post(
        api, "/datasets", body | {"name": "pets", "version": "1", "on_bad_rows": "skip"}
    )["id"]
    failing = post(api, "/datasets", body | {"name": "pets", "version": "2"})["id"]
    page = open_page(browser, f"/projects/lab/datasets/{skipping}")
    assert "Waiting for a worker" in page
    index(skipping)
    index(failing)
    page = open_page(browser, f"/projects/lab/datasets/{skipping}")
    for words in ("cat", "dog", "Rejected rows", "'what' in column 'a' is not a number"):
        assert words in html.unescape(page)
    page = open_page(browser, f"/projects/lab/datasets/{failing}")
    assert "Index it again" in page
    answer = browser.post(
        f"/projects/lab/datasets/{failing}/retry", data={"csrf_token": csrf_token(page)}
    )
    assert answer.headers["Location"] == f"/projects/lab/datasets/{failing}"
    assert get(api, f"/datasets/{failing}")["status"] == "registered"
    listed = open_page(browser, "/projects/lab/datasets")
    assert "1 row rejected" in listed


def test_pictures_are_for_those_signed_in_and_kept_by_their_browser_alone(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    import numpy as np

    path = data_dir / "images.npz"
    images = np.random.default_rng(0).integers(0, 255, (6, 8, 8), dtype=np.uint8)
    np.savez(path, x=images, y=np.arange(6) % 2)
    made = post(api, "/datasets", blobs_body(path, name="pictures",
                                             columns={"input": "x", "label": "y"}))  # fmt: skip
    index(made["id"])
    url = f"/projects/lab/datasets/{made['id']}/examples"
    answer = browser.get(f"{url}/5/image")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    assert "no example 6" in open_page(browser, f"{url}/6/image", 404)
    table = make_dataset(api, data_dir)
    not_images = f"/projects/lab/datasets/{table['id']}/examples/0/image"
    assert "not images" in open_page(browser, not_images, 409)


def test_canaries_tell_what_it_finds_at_best(
    api: TestClient, browser: TestClient, data_dir: Path
) -> None:
    made = make_scan(api, data_dir, 200, canaries=40)["id"]
    run_scan(made)
    told = get(api, f"/scans/{made}")["summary"]["canaries"]
    page = open_page(browser, f"{SCANS}/{made}")
    words = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))
    assert f"Of 40 errors planted in memory, {told['caught']} would have been flagged" in words
    assert "An upper estimate." in words
    assert 'class="chart-svg recall"' in page
    assert all(each["label"] in words for each in told["classes"])


def test_without_canaries_nothing_is_said_of_them(browser: TestClient, scan: str) -> None:
    assert "at best" not in open_page(browser, f"{SCANS}/{scan}")
