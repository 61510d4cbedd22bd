"""The API reference: a page made from our own OpenAPI document. It needs no key."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from app.access.guards import page_caller
from app.dashboard.frame import page
from app.db import ReadSession

router = APIRouter(include_in_schema=False)
_DEEPEST = 5


@dataclass(frozen=True)
class Parameter:
    name: str
    place: str
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True)
class Answer:
    status: str
    description: str
    kind: str


@dataclass(frozen=True)
class Route:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Parameter]
    body: list[Parameter]
    body_examples: list[str]
    answers: list[Answer]
    answer_example: str


@dataclass(frozen=True)
class Room:
    name: str
    anchor: str
    routes: list[Route]


@router.get("/api/docs")
def reference(request: Request, db: ReadSession) -> Response:
    document = request.app.openapi()
    return page(
        "dashboard/reference.html",
        title="API reference",
        caller=page_caller(request, db),
        section="api",
        version=document["info"]["version"],
        base=str(request.base_url).rstrip("/"),
        rooms=_Reader(document).rooms(),
    )


def _anchor(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class _Reader:
    """Reads the parts of an OpenAPI document that a person wants to see."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._schemas = document.get("components", {}).get("schemas", {})

    def rooms(self) -> list[Room]:
        rooms: dict[str, list[Route]] = {}
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                tag = (operation.get("tags") or ["other"])[0]
                rooms.setdefault(tag, []).append(self._route(path, method, operation))
        return [Room(name, _anchor(name), routes) for name, routes in rooms.items()]

    def _route(self, path: str, method: str, operation: dict[str, Any]) -> Route:
        schema = self._content(operation.get("requestBody", {}))
        good: dict[str, Any] = next((answer for status, answer in operation["responses"].items()
                     if status.startswith("2")), {})  # fmt: skip
        good_schema = self._content(good)
        return Route(
            anchor=_anchor(f"{method} {path}"),
            method=method.upper(),
            path=path,
            summary=operation.get("summary", ""),
            description=operation.get("description", ""),
            # The project is in every path and told once.
            parameters=[
                self._parameter(item)
                for item in operation.get("parameters", [])
                if item["name"] != "project"
            ],
            body=self._fields(schema),
            body_examples=[
                _pretty(example) for example in self._resolve(schema).get("examples", [])
            ],
            answers=[
                Answer(status, answer["description"], self._kind(self._content(answer)))
                for status, answer in operation["responses"].items()
            ],
            answer_example=_pretty(self._example(good_schema)) if good_schema else "",
        )

    def _parameter(self, item: dict[str, Any]) -> Parameter:
        schema = item["schema"]
        return Parameter(
            item["name"],
            item["in"],
            self._kind(schema),
            item.get("required", False),
            item.get("description") or schema.get("description", ""),
        )

    def _fields(self, schema: dict[str, Any]) -> list[Parameter]:
        resolved = self._resolve(schema)
        required = set(resolved.get("required", []))
        return [
            Parameter(name, "body", self._kind(field), name in required,
                      field.get("description", ""))
            for name, field in resolved.get("properties", {}).items()
        ]  # fmt: skip

    @staticmethod
    def _content(holder: dict[str, Any]) -> dict[str, Any]:
        for media in holder.get("content", {}).values():
            if media.get("schema"):
                return dict(media["schema"])
        return {}

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def _kind(self, schema: dict[str, Any]) -> str:
        """The type in words: `text or null`, `one of all, last`, `list of number`."""
        if not schema:
            return ""
        for joined in ("anyOf", "oneOf"):
            if joined in schema:
                return " or ".join(dict.fromkeys(self._kind(part) for part in schema[joined]))
        if "$ref" in schema:
            resolved = self._resolve(schema)
            if "enum" not in resolved:
                return schema["$ref"].rpartition("/")[2].replace("_", " ").strip()
            schema = resolved
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return "one of " + ", ".join(map(str, schema["enum"]))
        kind = schema.get("type", "any")
        if kind == "array":
            return f"list of {self._kind(schema.get('items', {})) or 'any'}"
        words = {"string": "text", "boolean": "true or false", "integer": "whole number"}
        return str(schema.get("format") or words.get(kind, kind))

    def _example(self, schema: dict[str, Any], depth: int = 0) -> Any:
        resolved = self._resolve(schema)
        if resolved.get("examples"):
            return resolved["examples"][0]
        if depth > _DEEPEST:
            return "…"
        for joined in ("anyOf", "oneOf", "allOf"):
            if joined in resolved:
                return self._example(resolved[joined][0], depth + 1)
        if "const" in resolved:
            return resolved["const"]
        if "enum" in resolved:
            return resolved["enum"][0]
        if resolved.get("type") == "object":
            fields = resolved.get("properties", {})
            return {name: self._example(field, depth + 1) for name, field in fields.items()}
        if resolved.get("type") == "array":
            return [self._example(resolved.get("items", {}), depth + 1)]
        if resolved.get("type") == "string":
            return _TEXTS.get(resolved.get("format", ""), "…")
        return _VALUES.get(resolved.get("type", ""))


_VALUES = {"integer": 1797, "number": 0.97, "boolean": True}
_TEXTS = {
    "uuid": "6f1c4f0e-6d3b-4c56-9d8e-3d6a6f6a0d55",
    "date-time": "2026-11-24T14:05:09Z",
}


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
