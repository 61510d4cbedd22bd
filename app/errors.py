"""Typed errors and the one handler that turns each into an RFC 9457 problem document.

A service raises a subclass of `ProblemError`; nothing below the routes knows HTTP. Every
problem says what is wrong (`detail`), where (`errors[].field`) and what to do (`remedy`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

logger = logging.getLogger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"
Dependency = TypeVar("Dependency", bound=Callable[..., Any])


class ProblemError(Exception):
    """Base of every error a user can cause or mend.

    Args:
        detail: one sentence about this occurrence, fit to show to the user.
        field: the request field at fault, dotted (`columns.label`), if there is one.
        remedy: what to do about it.
        extra: further members of the problem document (must be JSON values).
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"
    code: ClassVar[str] = "bad-request"

    def __init__(
        self, detail: str, *, field: str | None = None, remedy: str | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.remedy = remedy
        self.extra = extra

    def __reduce__(self) -> Any:
        # Keyword arguments are lost by the default: errors must cross process borders whole.
        return _rebuild, (type(self), self.detail, self.field, self.remedy, self.extra)

    def as_problem(self) -> dict[str, Any]:
        """The problem document: also what a failed job stores as its reason."""
        problem: dict[str, Any] = {
            "type": f"urn:cleantrace:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.remedy is not None:
            problem["remedy"] = self.remedy
        if self.field is not None:
            problem["errors"] = [
                {"field": self.field, "message": self.detail, "remedy": self.remedy}
            ]
        return problem | self.extra


def _rebuild(
    cls: type[ProblemError],
    detail: str,
    field: str | None,
    remedy: str | None,
    extra: dict[str, Any],
) -> ProblemError:
    error = cls.__new__(cls)
    ProblemError.__init__(error, detail, field=field, remedy=remedy, **extra)
    return error


class NotFound(ProblemError):
    status = 404
    title = "Not found"
    code = "not-found"


class Conflict(ProblemError):
    status = 409
    title = "Conflict"
    code = "conflict"


class Invalid(ProblemError):
    status = 422
    title = "Invalid request"
    code = "invalid"


class BodyUnreadable(ProblemError):
    title = "Body unreadable"
    code = "body-unreadable"


class BodyTooLarge(ProblemError):
    status = 413
    title = "Body too large"
    code = "body-too-large"


class DatabaseUnavailable(ProblemError):
    status = 503
    title = "Database unavailable"
    code = "database-unavailable"


class FieldError(BaseModel):
    field: str = Field(description="Dotted path of the request field at fault.")
    message: str
    remedy: str | None = None


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(examples=["urn:cleantrace:problem:location-not-found"])
    title: str = Field(examples=["Location not found"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["Nothing is stored at file:///data/digits.npz."])
    remedy: str | None = Field(None, examples=["Check the path; the API must be able to read it."])
    errors: list[FieldError] = Field(default_factory=list)
    instance: str | None = Field(None, description="Path of the request.")


def problems(*errors: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` argument of a route: which problems it answers with."""
    by_status: dict[int | str, list[str]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error.title)
    content = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": "; ".join(dict.fromkeys(titles)), "content": content}
        for status, titles in by_status.items()
    }


def raises(*errors: type[ProblemError]) -> Callable[[Dependency], Dependency]:
    """Declares what a dependency raises: every route that depends on it documents that too."""

    def declare(dependency: Dependency) -> Dependency:
        dependency.__dict__["raises"] = errors
        return dependency

    return declare


def problem_response(
    problem: dict[str, Any], headers: dict[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(
        problem, status_code=problem["status"], media_type=PROBLEM_MEDIA_TYPE, headers=headers
    )


def _location(parts: Sequence[Any]) -> str:
    """`('body', 'columns', 'label')` → `columns.label`; query and header names stand alone."""
    names = [str(part) for part in parts]
    if names and names[0] in {"body", "query", "path", "header", "cookie"}:
        names = names[1:]
    return ".".join(names) or "body"


def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if "retry_after_s" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after_s"])
    return problem_response(error.as_problem() | {"instance": request.url.path}, headers)


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        {
            "field": _location(item["loc"]),
            "message": str(item["msg"]).removeprefix("Value error, "),
            "remedy": _remedy(item),
        }
        for item in error.errors()
    ]
    names = ", ".join(dict.fromkeys(field["field"] for field in fields))
    return problem_response(
        {
            "type": "urn:cleantrace:problem:invalid",
            "title": "Invalid request",
            "status": 422,
            "detail": f"The request is not valid: see {names}.",
            "remedy": "Correct the named fields and send the request again.",
            "errors": fields,
            "instance": request.url.path,
        }
    )


def _remedy(item: dict[str, Any]) -> str:
    match item["type"]:
        case "missing":
            return "Add this field: it is required."
        case "extra_forbidden":
            return "Remove this field: it is not known here. See the API reference for the names."
        case "json_invalid":
            return "Send a body that is valid JSON."
        case _:
            return f"Give a value of another kind: {item['msg']}."


def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI and Starlette: of a body alone
        return _on_problem(
            request,
            BodyUnreadable(
                f"{error.detail}.", remedy="Send UTF-8 text in the form that Content-Type tells."
            ),
        )
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem_response(
        {
            "type": "about:blank",
            "title": str(error.detail),
            "status": error.status_code,
            "detail": f"{request.method} {request.url.path}: {error.detail}.",
            "remedy": "See /api/docs for the routes and methods there are.",
            "instance": request.url.path,
        },
        headers,
    )


def _allowed_methods(request: Request) -> list[str]:
    """Of every route at this path: Starlette tells those of the first alone."""
    found: set[str] = set()
    for route in iter_route_contexts(request.app.router.routes):
        if route.path_regex.match(request.url.path):
            found |= route.methods or set()
    return sorted(found)


def _on_database_down(request: Request, error: Exception) -> JSONResponse:
    logger.error("database unavailable: %s", error)
    return _on_problem(
        request,
        DatabaseUnavailable(
            "The database does not answer; nothing was changed.",
            remedy="Try again in a moment. With an Idempotency-Key a repeat is always safe.",
            retry_after_s=2,
        ),
    )


def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("unexpected error", exc_info=error)
    return problem_response(
        {
            "type": "urn:cleantrace:problem:unexpected",
            "title": "Unexpected error",
            "status": 500,
            "detail": "Something went wrong on our side; nothing was changed.",
            "remedy": "Try again; if it stays, the server's log has the cause.",
            "instance": request.url.path,
        }
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_database_down)
    app.add_exception_handler(Exception, _on_unexpected)
