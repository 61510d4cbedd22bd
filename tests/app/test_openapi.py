"""What the document of the API tells of answers that no route lists itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.errors import PROBLEM_MEDIA_TYPE
from tests.support import LAB


@pytest.fixture
def document(application: FastAPI) -> dict[str, Any]:
    return application.openapi()


def test_every_problem_of_every_route_is_a_problem_document(document: dict[str, Any]) -> None:
    seen = 0
    for path, operations in document["paths"].items():
        for operation in operations.values() if "{project}" in path else ():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
                    assert answer["content"] == {PROBLEM_MEDIA_TYPE: schema}, (path, status)
                    seen += 1
    assert seen > 200
    assert {"Problem", "FieldError"} <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in str(document)


def test_what_dependencies_raise_is_told_at_each_route(document: dict[str, Any]) -> None:
    answers = document["paths"]["/api/v1/projects/{project}/datasets"]["post"]["responses"]
    assert list(answers) == ["201", "400", "401", "403", "404", "409", "413", "422", "503"]
    assert answers["404"]["description"] == "Upload not found; Project not found"
    assert answers["409"]["description"] == (
        "Upload unfinished; Dataset version exists; Idempotency key reused"
    )
    # Nobody is refused here, and there is no body to misread.
    assert list(document["paths"]["/api/v1/health"]["get"]["responses"]) == ["200", "413", "503"]


def test_a_body_that_cannot_be_decoded_says_what_to_send(api: TestClient) -> None:
    for broken in (b'{"name": "\xff\xfe"}', b"[" * 5000):
        answer = api.post(
            f"{LAB}/runs", content=broken, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400, answer.text
        assert answer.json()["type"] == "urn:cleantrace:problem:body-unreadable"
        assert "UTF-8" in answer.json()["remedy"]


@pytest.mark.parametrize(
    "days", ["5", True, 5.5, None, 10**400, "\ud800"], ids=lambda value: repr(value)[:20]
)
def test_a_number_is_a_number(api: TestClient, days: Any) -> None:
    body = {"uri": "file:///x", "step": days, "eta": 0.1}
    answer = api.post(
        f"{LAB}/runs/6f1c4f0e-6d3b-4c56-9d8e-3d6a6f6a0d55/checkpoints",
        content=json.dumps(body),  # escapes what UTF-8 cannot hold
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422, answer.text
    assert [each["field"] for each in answer.json()["errors"]] == ["step"]


def test_a_wrong_method_is_told_all_that_are_right(api: TestClient) -> None:
    answer = api.put(f"{LAB}/scans")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"
    assert answer.headers["Content-Type"] == PROBLEM_MEDIA_TYPE
