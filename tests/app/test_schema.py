"""Every operation of the API's own document, with thousands of requests made from it.

Whatever is sent, valid or not, is answered: never by a 5xx, never with a status, media type or body
that the document does not tell, and never with success if the document forbids it. A route is found
by being in the document; nothing lists it here.

`CLEANTRACE_SCHEMA_EXAMPLES=1000 pytest tests/app/test_schema.py --timeout 0` looks longer, and at
every boundary that the document has; the usual run takes a sample.
"""

from __future__ import annotations

import os

import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection

from tests.app.world import World

EXAMPLES = int(os.environ.get("CLEANTRACE_SCHEMA_EXAMPLES", "8"))
IS_DEEP = "CLEANTRACE_SCHEMA_EXAMPLES" in os.environ
CHECKS = {
    # A body may be too long before it is read at all: 413 refuses it as well.
    "negative_data_rejection": {"expected-statuses": ["4xx"]},
    # A cursor, a model's name or a location must be more than what a schema can tell.
    "positive_data_acceptance": {"enabled": False},
    # `GET /scans/estimates` is a scan by a wrong id, not a method that `/scans/estimates` lacks.
    "unsupported_method": {"enabled": False},
    "allow_header_conformance": {"enabled": False},
}


@pytest.fixture
def document(
    request: pytest.FixtureRequest, world: World, application: FastAPI
) -> schemathesis.BaseSchema:
    request.node._nodeid = request.node.nodeid  # schemathesis 4.32 looks where pytest < 9.2 had it
    config = SchemathesisConfig.from_dict(
        {
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "database": "none",
                # What a query holds beyond the document is ignored, as HTTP has it.
                "allow-extra-parameters": False,
            },
            "checks": CHECKS,
            "phases": {
                "coverage": {"enabled": IS_DEEP, "generate-duplicate-query-parameters": True}
            },
        }
    )
    return schemathesis.openapi.from_asgi("/api/openapi.json", application, config=config)


operations = schemathesis.pytest.from_fixture("document")


@operations.parametrize()
def test_every_answer_is_one_that_the_document_tells(case: schemathesis.Case, world: World) -> None:
    world.lead(case)
    answer = case.call(headers=world.headers)
    # One name twice in a query is no mistake: the last counts, as text.
    told_twice = any(isinstance(value, list) for value in (case.query or {}).values())
    case.validate_response(answer, excluded_checks=[negative_data_rejection] if told_twice else [])
    if answer.status_code < 300 and answer.content and "json" in answer.headers["content-type"][0]:
        world.learn(case.operation.path, answer.json())
