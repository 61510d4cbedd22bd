"""What README and docs tell to ask for is a route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI

ROOT = Path(__file__).parents[2]
_ASKED = re.compile(r"\b(GET|POST|PUT|DELETE) +((?:/api/v1/)?[a-z-]+/?[^\s`,;:)?…]*)")
_IN_PROJECT = re.compile(r"/api/v1/projects/[^/]+/")


def _shape(path: str) -> str:
    """As below a project, with any id as `{}`."""
    return re.sub(r"\{[^}]*\}|(?<=/)\d+(?=/|$)", "{}", _IN_PROJECT.sub("", path))


def _asked() -> Iterator[tuple[str, str, str]]:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for method, address in _ASKED.findall(path.read_text()):
            if "/" in address or address in {"queues", "gates", "exports", "gate-evaluations"}:
                yield path.name, method, address


def test_documented_routes_are_there(application: FastAPI) -> None:
    paths = application.openapi()["paths"]
    known = {(method.upper(), _shape(path)) for path, each in paths.items() for method in each}
    asked = set(_asked())
    assert len(asked) > 40
    assert {each for each in asked if (each[1], _shape(each[2])) not in known} == set()
