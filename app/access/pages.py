"""Signing in and out of the dashboard."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.access import provider, sessions, sign_in
from app.access.answers import first_page, local_path, signed_in_answer
from app.access.errors import NotSignedIn, TooManyAttempts
from app.access.guards import COOKIE, require_csrf, require_sign_in, signed_in_browser
from app.access.sign_in import Begun
from app.access.visitor import AnyVisitor, OwnVisitor
from app.dashboard.frame import page, with_query
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.settings import settings

router = APIRouter(include_in_schema=False)
_Next = Annotated[str | None, Form(alias="next")]


@router.get("/")
def home(request: Request, db: ReadSession) -> Response:
    signed_in = require_sign_in(request, db)
    caller = signed_in.at_home()
    if caller is None:
        return RedirectResponse("/account", 303)
    return RedirectResponse(first_page(caller.project_name, caller.role), 303)


@router.get("/sign-in")
def sign_in_page(next: str | None = None) -> Response:  # noqa: A002 - the name in the address
    return sign_in_form(local_path(next))


@router.post("/sign-in")
def sign_in_with_key(
    visitor: OwnVisitor, api_key: Annotated[str, Form()] = "", following: _Next = None
) -> Response:
    try:
        begun = sign_in.with_key(api_key.strip(), visitor)
    except (NotSignedIn, TooManyAttempts) as error:
        return sign_in_form(local_path(following), error, by_key=True)
    return signed_in_answer(begun, local_path(following) or "/")


@router.post("/sign-in/password")
def sign_in_with_password(
    visitor: OwnVisitor,
    email: Annotated[str, Form(max_length=1000)] = "",
    password: Annotated[str, Form(max_length=10_000)] = "",
    following: _Next = None,
) -> Response:
    try:
        begun = sign_in.with_password(email, password, visitor)
    except (NotSignedIn, TooManyAttempts) as error:
        return sign_in_form(local_path(following), error, email=email)
    return signed_in_answer(begun, local_path(following) or "/")


def sign_in_form(
    following: str | None,
    error: ProblemError | None = None,
    *,
    by_key: bool = False,
    email: str = "",
) -> Response:
    problem: dict[str, Any] = {} if error is None else {"remedy": None} | error.as_problem()
    answer = page(
        "access/sign_in.html",
        title="Sign in",
        caller=None,
        section="sign-in",
        status=200 if error is None else error.status,
        next=following,
        email=email,
        problem=None if by_key else problem,
        key_problem=problem if by_key else None,
        provider=settings().oidc_name if provider.is_configured() else None,
        provider_url=with_query("/sign-in/oidc", next=following),
        typed_wrong=isinstance(error, NotSignedIn | TooManyAttempts) and not by_key,
    )
    if "retry_after_s" in problem:
        answer.headers["Retry-After"] = str(problem["retry_after_s"])
    return answer


@router.get("/sign-in/link/{token}")
def sign_in_by_link(token: str, db: WriteSession, visitor: AnyVisitor) -> Response:
    """Raises LinkSpent."""
    return signed_in_answer(Begun(sessions.sign_in_with_link(db, token, visitor)), "/")


@router.post("/sign-out")
def sign_out(
    request: Request, db: WriteSession, csrf_token: Annotated[str, Form()] = ""
) -> Response:
    signed_in = signed_in_browser(request, db)
    if signed_in is not None:
        require_csrf(signed_in, csrf_token)
        sessions.sign_out(db, signed_in)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer
