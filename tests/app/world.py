"""What tests of the whole API share: a project with something of each kind, known by its ids."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID
from zlib import crc32

import schemathesis
from schemathesis.core.parameters import ParameterLocation

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
        self._paths = {re.sub(r"{\w+}", "[^/]+", path): path for path in document["paths"]}
        self._bodies: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._children = {
            path.rpartition("/")[0]: path.rpartition("/")[2].strip("{}")
            for path in document["paths"]
            if path.endswith("}")
        }

    def note(self, request: Any) -> None:
        """Remember the body of a request by which the world is made: it is a valid one."""
        for pattern, path in self._paths.items():
            if request.content and re.fullmatch(pattern, request.url.path):
                self._bodies[path].append(json.loads(request.content))

    def bodies(self, path: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """Those by which the world was made, the first of each path; and those in the document."""
        return self._bodies[path][:1] + schema.get("examples", [{}])

    def know(self, name: str, *values: Any) -> None:
        self._known[name] += [value for value in values if value not in self._known[name]]

    def learn(self, path: str, answer: Any) -> None:
        if not isinstance(answer, dict | list):
            return
        items = answer if isinstance(answer, list) else answer.get("items", [answer])
        ids = [item["id"] for item in items if isinstance(item, dict) and "id" in item]
        if path in self._children:
            self.know(self._children[path], *(each for each in ids if each not in self._own))
        if isinstance(answer, dict) and answer.get("next"):
            self._cursors[path].append(answer["next"])

    def never_name(self, principal_id: str) -> None:
        """The caller's own: whoever revokes the key they call with is answered 401 from then on."""
        self._own.add(principal_id)

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: next(iter(self._known.get(name, [UUID(int=1)]))) for name in names}

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
