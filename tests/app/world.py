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

    An answer of `GET` or `POST /things` teaches the ids that `/things/{thing_id}` takes, while the
    world is made and afterwards.
    """

    def __init__(self, key: str, document: dict[str, Any]) -> None:
        self.headers = {"Authorization": f"Bearer {key}"}
        self._own: set[str] = set()
        self._known: dict[str, list[Any]] = defaultdict(list)
        self._cursors: dict[str, list[str]] = defaultdict(list)
        self._bodies: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._paths = {re.sub(r"{\w+}", "[^/]+", path): path for path in document["paths"]}
        self._children = {
            path[: found.start()]: found[1]
            for path in document["paths"]
            for found in re.finditer(r"/{(\w+)}", path)
        }
        self._streams = {
            path
            for path, operations in document["paths"].items()
            if "text/event-stream" in str(operations)
        }

    def note(self, answer: Any) -> None:
        """Of each step by which the world is made: its body is a valid one, its ids exist."""
        answer.read()
        for pattern, path in self._paths.items():
            if answer.is_success and re.fullmatch(pattern, answer.request.url.path):
                if answer.request.content:
                    self._bodies[path].append(json.loads(answer.request.content))
                self.learn(path, answer.json())

    def bodies(self, path: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """The first by which the world was made; where there is none, those in the document."""
        return self._bodies[path][:1] or schema.get("examples", [{}])

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

    def values(self, names: Iterable[str], path: str = "") -> dict[str, Any]:
        """The first that is known of each name."""
        return {name: (self._fitting(path, name) or [UUID(int=1)])[0] for name in names}

    def _fitting(self, path: str, name: str) -> list[Any]:
        if name == "after":
            return self._cursors[path]
        known = self._known.get(name, [])
        # The stream of what goes on never ends; the first scan is over.
        if path in self._streams and name != "project":
            return known[:1] if name == "scan_id" else []
        return known

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
            known = self._fitting(path, name)
            if known and turn % 8:
                yield name, known[turn // 8 % len(known)]
