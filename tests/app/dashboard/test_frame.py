"""Headers, static files, and errors as pages."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.errors import ProblemError
from tests.app.dashboard.steps import signed_in
from tests.support import LAB


def test_every_answer_has_the_security_headers(api: TestClient) -> None:
    for path in ("/sign-in", f"{LAB}/scans", "/api/v1/health", "/nothing", "/api/nothing"):
        headers = api.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_pages_name_static_files_by_their_content_and_these_may_be_kept(
    anonymous: TestClient,
) -> None:
    page = anonymous.get("/sign-in")
    assert page.headers["Cache-Control"] == "no-store"
    names = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert {name.rpartition(".")[2] for name in names} == {"css", "js", "svg"}
    for name in names:
        for encoding in ("gzip", "identity"):
            answer = anonymous.get(name, headers={"Accept-Encoding": encoding})
            assert answer.status_code == 200
            assert len(answer.content) > 100
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers.get("Content-Encoding", "identity") == encoding


def test_files_outside_the_static_folder_are_not_served(anonymous: TestClient) -> None:
    for name in ("frame.css", "..%2fframe.py", "%2e%2e/frame.py", "frame.0000000000000000.css"):
        assert anonymous.get(f"/static/{name}").status_code == 404


def test_the_same_error_is_a_page_for_browsers_and_a_problem_for_programs(
    api: TestClient,
) -> None:
    scan = uuid4()
    problem = api.get(f"{LAB}/scans/{scan}")
    assert problem.headers["Content-Type"] == "application/problem+json"
    page = signed_in(api).get(f"/projects/lab/scans/{scan}")
    assert page.status_code == problem.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert problem.json()["detail"] in page.text
    assert problem.json()["remedy"] in page.text


def test_a_malformed_address_is_told_without_a_stack_trace(api: TestClient) -> None:
    browser = signed_in(api)
    for path in ("scans/not-an-id", "scans?after=rubbish", f"scans/{uuid4()}?order=by+magic"):
        answer = browser.get(f"/projects/lab/{path}")
        assert answer.status_code == 422
        assert "Traceback" not in answer.text
        assert "begin again from the list" in answer.text


class _Broken(ProblemError):
    status = 409
    title = "<b>Title</b>"


@pytest.mark.parametrize("error", [RuntimeError("secret detail"), _Broken("<script>x</script>")])
def test_errors_of_ours_are_pages_with_headers_and_nothing_internal(
    database: None, error: Exception
) -> None:
    from app.main import create_app

    app: FastAPI = create_app()

    @app.get("/broken")
    def broken() -> None:
        raise error

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/broken")
    assert answer.status_code == (409 if isinstance(error, _Broken) else 500)
    assert "Content-Security-Policy" in answer.headers
    assert "secret detail" not in answer.text
    assert "<script>x" not in answer.text
    assert "<b>Title" not in answer.text


def test_the_api_reference_needs_no_key_and_names_every_route(anonymous: TestClient) -> None:
    page = anonymous.get("/api/docs")
    assert page.status_code == 200
    paths = anonymous.get("/api/openapi.json").json()["paths"]
    assert len(paths) > 10
    for path in paths:
        assert path in page.text
    assert "sign in" in page.text
