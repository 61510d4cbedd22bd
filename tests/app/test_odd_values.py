"""Values that no honest client sends, in each place of each operation: none is an error of ours.

The places come from the document of the API, so that a new route's are among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.paging import encode_cursor
from tests.app.world import World

ODD_TEXT = {
    "nothing": "",
    "NUL": "a%00b",
    "no UTF-8": "%ff%fe",
    "surrogate": "%ed%a0%80",
    "beyond 32 bits": str(2**31),
    "beyond 64 bits": str(2**63),
    "negative": "-1",
    "long": "9" * 5000,
}
ODD_CURSORS = {
    "of nothing": encode_cursor([None, {}]),
    "too large": encode_cursor([2**31]),
    "too large for 64 bits": encode_cursor([2**63, 2**63]),
    "beyond time": encode_cursor(["9999-12-31T23:59:59-23:59", UUID(int=0)]),
    "with NUL": encode_cursor(["\0", "\0"]),
    "that is no number": encode_cursor([float("nan"), 10**30]),
    "of infinity": encode_cursor([float("inf"), float("inf")]),
}


def test_no_value_in_an_address_is_an_error_of_ours(
    api: TestClient, application: FastAPI, world: World
) -> None:
    """Each parameter in turn is odd, while the others name what exists."""
    for path, method, operation in _operations(application):
        told = [each for each in operation.get("parameters", []) if each["in"] != "header"]
        for odd in told:
            for kind, text in (ODD_TEXT | (ODD_CURSORS if odd["name"] == "after" else {})).items():
                values = world.values((each["name"] for each in told), path) | {odd["name"]: text}
                query = "&".join(
                    f"{each['name']}={values[each['name']]}"
                    for each in told
                    if each["in"] == "query" and (each is odd or each.get("required"))
                )
                answer = api.request(method, f"{path.format_map(values)}?{query}")
                if not text and answer.status_code == 405:
                    continue  # the address of another route
                where = (method, path, odd["name"], kind, answer.text)
                assert str(answer.status_code) in operation["responses"], where


ODD_JSON = {
    "null": "null",
    "NUL": '"a\\u0000b"',
    "half a pair": '"\\ud800"',
    "name with NUL": '{"\\u0000": 1}',
    "half a pair as name": '{"\\ud800": "\\u0000"}',
    "huge": "1" + "0" * 400,
    "beyond 32 bits": str(2**31),
    "beyond 64 bits": str(2**63),
    "negative": "-1",
    "infinite": "1e999",
    "NaN": "NaN",
    "truth": "true",
    "long": '"' + "x" * 100_000 + '"',
    "empty": "{}",
    "list": '["a", "a"]',
    "deep": "[" * 950 + "]" * 950,
}


def test_no_value_in_a_body_is_an_error_of_ours(
    api: TestClient, application: FastAPI, world: World
) -> None:
    """Each member of each example, and each that it leaves out, is odd in turn."""
    schemas = application.openapi()["components"]["schemas"]
    for path, method, operation in _operations(application):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:  # none, or bytes as they are
            continue
        schema = schemas[content["schema"]["$ref"].rpartition("/")[2]]
        address = path.format_map(world.values(re.findall(r"{(\w+)}", path)))
        for example in world.bodies(path, schema):
            body = example | world.values(name for name in example if name.endswith("_id"))
            for place in _places(body, schema):
                for kind, odd in ODD_JSON.items():
                    answer = api.request(
                        method,
                        address,
                        content=_changed(body, place, odd),
                        headers={"Content-Type": "application/json"},
                    )
                    where = (method, path, place, kind, answer.text)
                    assert str(answer.status_code) in operation["responses"], where


def _operations(application: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in application.openapi()["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def _places(body: dict[str, Any], schema: dict[str, Any]) -> set[tuple[str | int, ...]]:
    """The body itself, each member it may have, and those inside; of a list, the first alone."""
    found: set[tuple[str | int, ...]] = {(), *((name,) for name in schema["properties"])}
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), body)]
    while waiting:
        place, value = waiting.pop()
        found.add(place)
        if isinstance(value, dict):
            waiting += [((*place, name), part) for name, part in value.items()]
        elif isinstance(value, list) and value:
            waiting.append(((*place, 0), value[0]))
    return found


def _changed(body: dict[str, Any], place: tuple[str | int, ...], odd: str) -> str:
    changed: Any = {"": deepcopy(body)}
    inner: Any = changed
    *outer, last = ("", *place)
    for step in outer:
        inner = inner[step]
    inner[last] = "ODD"
    return json.dumps(changed[""]).replace('"ODD"', odd)
