"""Every operation of the API's own document, with thousands of requests made from it.

Whatever is sent, valid or not, is answered: never by a 5xx, never with a status, media type or body
that the document does not tell, and never with success if the document forbids it. A route is found
by being in the document; nothing lists it here.

`CLEANTRACE_SCHEMA_EXAMPLES=1000 pytest tests/app/test_schema.py --timeout 0` looks longer, and at
every boundary that the document has; the usual run takes a sample.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection

from tests.support import (
    estimate,
    get,
    make_dataset,
    make_key,
    make_person,
    make_run,
    post,
    run_scan,
)

EXAMPLES = int(os.environ.get("CLEANTRACE_SCHEMA_EXAMPLES", "8"))
IS_DEEP = "CLEANTRACE_SCHEMA_EXAMPLES" in os.environ
NOT_ASKED = {
    # A cursor, a model's name or a location must be more than what a schema can tell.
    "positive_data_acceptance": {"enabled": False},
    # A body may be too long before it is read at all.
    "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 413, 415, 422]},
    # `GET /scans/estimates` is a scan by a wrong id, not a method that `/scans/estimates` lacks.
    "unsupported_method": {"enabled": False},
    "allow_header_conformance": {"enabled": False},
}
_PLACES = {
    "path_parameters": ParameterLocation.PATH,
    "query": ParameterLocation.QUERY,
    "body": ParameterLocation.BODY,
}


class World:
    """A project with something of each kind, and the ids of it that a request may name.

    An answer of `GET` or `POST /things` teaches the ids that `/things/{thing_id}` takes.
    """

    def __init__(self, key: str, document: dict[str, Any]) -> None:
        self.headers = {"Authorization": f"Bearer {key}"}
        self._own: set[str] = set()
        self._known: dict[str, list[Any]] = defaultdict(list)
        self._cursors: dict[str, list[str]] = defaultdict(list)
        self._children = {
            path.rpartition("/")[0]: path.rpartition("/")[2].strip("{}")
            for path in document["paths"]
            if path.endswith("}")
        }

    def know(self, name: str, *values: Any) -> None:
        self._known[name] += [value for value in values if value not in self._known[name]]

    def learn(self, path: str, answer: Any) -> None:
        if not isinstance(answer, dict | list):
            return
        items = answer if isinstance(answer, list) else answer.get("items", [answer])
        if not isinstance(items, list):
            return
        ids = [item["id"] for item in items if isinstance(item, dict) and "id" in item]
        if path in self._children:
            self.know(self._children[path], *(each for each in ids if each not in self._own))
        if isinstance(answer, dict) and answer.get("next"):
            self._cursors[path].append(answer["next"])

    def never_name(self, principal_id: str) -> None:
        """The caller's own: whoever revokes the key they call with is answered 401 from then on."""
        self._own.add(principal_id)

    def lead(self, case: schemathesis.Case) -> None:
        """Put what exists into most requests that are valid so far; the others stay as drawn."""
        components = case.meta.components if case.meta else {}
        for name, place in _PLACES.items():
            drawn = getattr(case, name)
            if not isinstance(drawn, dict):
                continue
            if place in components and components[place].mode.is_negative:
                continue
            changes = dict(self._changes(case.operation.path, drawn))
            if changes:
                setattr(case, name, drawn | changes)

    def _changes(self, path: str, drawn: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in drawn.items():
            # By the value, not by chance or turn: the same request is led the same way again.
            turn = crc32(f"{path} {name} {value!r}".encode(errors="replace"))
            known = self._cursors[path] if name == "after" else self._known.get(name)
            if known and turn % 8:
                yield name, known[turn // 8 % len(known)]


@pytest.fixture
def world(api: TestClient, application: FastAPI, data_dir: Path) -> World:
    key = make_key("lab", role="admin")
    world = World(key, application.openapi())
    dataset = make_dataset(api, data_dir, 60)
    run = make_run(api, data_dir, dataset)
    scan = post(api, "/scans", {"run_id": run["id"], "evidence": True})
    run_scan(scan["id"])
    made = estimate(api, run)
    for role in ("reviewer", "engineer"):
        make_person("lab", role)
    api.headers.update(world.headers)
    world.never_name(get(api, "/me")["principal_id"])
    world.know("project", "lab")
    world.know("dataset_id", dataset["id"])
    world.know("run_id", run["id"])
    world.know("scan_id", scan["id"])
    world.know("estimate_id", made["id"])
    world.know("position", 0, 7)
    world.know("key", "point-00007")
    for name in ("label", "predicted", "suggested"):
        world.know(name, "0", "2")
    world.know("uri", dataset["uri"], str(next(data_dir.glob("*.safetensors"))))
    return world


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
            "checks": NOT_ASKED,
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
