"""The document of the API: what FastAPI makes of the routes, with every answer they can give.

A route lists the problems of its own (`problems(…)`). What its dependencies raise stands at these
(`@raises(…)`), and what the framework itself answers is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from app.errors import BodyTooLarge, BodyUnreadable, Invalid, Problem, ProblemError, problems

_SCHEMAS = "#/components/schemas/"


class Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        document = deepcopy(super().openapi())
        _complete(document, self)
        return document


def _complete(document: dict[str, Any], app: FastAPI) -> None:
    for route in iter_route_contexts(app.router.routes):
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                raised = [*_by_dependencies(route.dependant), *_by_framework(operation)]
                _add_answers(operation["responses"], raised)
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas |= problem.pop("$defs") | {Problem.__name__: problem}


def _by_dependencies(dependant: Dependant) -> Iterator[type[ProblemError]]:
    for dependency in dependant.dependencies:
        yield from getattr(dependency.call, "raises", ())
        yield from _by_dependencies(dependency)


def _by_framework(operation: dict[str, Any]) -> Iterator[type[ProblemError]]:
    # FastAPI documents a 422 of its own where there is anything to validate; ours replaces it.
    ours = operation["responses"]
    if "422" in ours and "application/json" in ours["422"]["content"]:
        del ours["422"]
    if "parameters" in operation or "requestBody" in operation:
        yield Invalid
    if "requestBody" in operation:
        yield BodyUnreadable
    yield BodyTooLarge


def _add_answers(answers: dict[str, Any], raised: list[type[ProblemError]]) -> None:
    for status, common in problems(*raised).items():
        own = answers.setdefault(str(status), common)
        titles = [*own["description"].split("; "), *common["description"].split("; ")]
        answers[str(status)] = own | {"description": "; ".join(dict.fromkeys(titles))}
    ordered = sorted(answers.items())
    answers.clear()
    answers.update(ordered)
