"""Errors as pages for browsers. `/api/` keeps its problem documents: both are made from one."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from app.access.guards import SignInNeeded
from app.dashboard.frame import page, with_query
from app.dashboard.headers import SECURITY_HEADERS
from app.errors import ProblemError

_Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


def error_page(problem: dict[str, Any]) -> Response:
    """The page of a problem document."""
    answer = page(
        "dashboard/error.html",
        title=problem["title"],
        caller=None,
        section="error",  # nobody knows here who is signed in
        status=problem["status"],
        problem={"remedy": None} | problem,
    )
    # An unexpected error is answered outside of all middleware.
    answer.headers.update(SECURITY_HEADERS)
    return answer


def _for_browsers(handler: _Handler) -> _Handler:
    async def handle(request: Request, error: Exception) -> Response:
        answer = handler(request, error)
        if inspect.isawaitable(answer):
            answer = await answer
        if request.url.path.startswith("/api/"):
            answer.headers.update(SECURITY_HEADERS)
            return answer
        problem = json.loads(bytes(answer.body))
        if request.method in {"GET", "HEAD"} and problem["status"] == 422:
            problem["remedy"] = "Check the address, or begin again from the list."
        return error_page(problem)

    return handle


async def _to_sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # A form's address cannot be asked for again by a GET.
    following = asked if request.method == "GET" and asked != "/" else None
    return RedirectResponse(with_query("/sign-in", next=following), 303)


def install(app: FastAPI) -> None:
    """Call after `app.errors.install`, whose handlers are given pages here."""
    kinds = (ProblemError, RequestValidationError, HTTPException, OperationalError, Exception)
    for kind in kinds:
        handler = cast(_Handler, app.exception_handlers[kind])
        app.add_exception_handler(kind, _for_browsers(handler))
    app.add_exception_handler(SignInNeeded, _to_sign_in)
