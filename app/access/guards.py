"""What a route declares it needs: a role, and a project that is the caller's.

`Viewer` and `Engineer` are FastAPI dependencies that yield the `Caller`.
The API takes a bearer key, or the dashboard's cookie for reading; pages take the cookie.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Form, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.access import service
from app.access.errors import NotAllowed, NotSignedIn
from app.access.models import Role
from app.access.service import Caller
from app.db import ReadSession

COOKIE = "ct_session"
_bearer = HTTPBearer(
    auto_error=False, description="An API key, made with `cleantrace keys create`."
)


class SignInNeeded(Exception):
    """A page was asked for without a session: the browser goes to the sign-in page."""


def _api_guard(role: Role) -> Callable[..., Caller]:
    def guard(
        request: Request,
        db: ReadSession,
        project: str,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    ) -> Caller:
        caller = _api_caller(request, db, credentials)
        service.require_project(caller, project)
        caller.require(role)
        return caller

    guard.__name__ = f"api_{role.value}"
    return guard


def _api_caller(
    request: Request, db: ReadSession, credentials: HTTPAuthorizationCredentials | None
) -> Caller:
    if credentials is not None:
        return service.caller_by_key(db, credentials.credentials)
    # The dashboard's scripts read with the cookie. Writing with it would need a CSRF token, so
    # the API takes it for safe methods only.
    cookie = request.cookies.get(COOKIE)
    if cookie and request.method in {"GET", "HEAD"}:
        caller = service.caller_by_cookie(db, cookie)
        if caller is not None:
            return caller
    raise NotSignedIn(
        "This request carries no API key.",
        remedy="Send the header 'Authorization: Bearer ct_…'. Make a key with: "
        "cleantrace keys create --project NAME.",
    )


def _page_guard(role: Role) -> Callable[..., Caller]:
    def guard(request: Request, db: ReadSession, project: str) -> Caller:
        caller = page_caller(request, db)
        if caller is None:
            raise SignInNeeded
        service.require_project(caller, project)
        caller.require(role)
        return caller

    guard.__name__ = f"page_{role.value}"
    return guard


def page_caller(request: Request, db: ReadSession) -> Caller | None:
    cookie = request.cookies.get(COOKIE)
    return service.caller_by_cookie(db, cookie) if cookie else None


def require_csrf(caller: Caller, csrf_token: str) -> None:
    """Raises NotAllowed: the form is not one that this session was given."""
    if not hmac.compare_digest(csrf_token.encode(), (caller.csrf_token or "").encode()):
        raise NotAllowed(
            "This form is out of date or came from elsewhere; nothing was changed.",
            remedy="Go back, reload the page and try again.",
        )


def _form_guard(role: Role) -> Callable[..., Caller]:
    page = _page_guard(role)

    def guard(
        request: Request, db: ReadSession, project: str, csrf_token: Annotated[str, Form()] = ""
    ) -> Caller:
        caller: Caller = page(request, db, project)
        require_csrf(caller, csrf_token)
        return caller

    guard.__name__ = f"form_{role.value}"
    return guard


Viewer = Annotated[Caller, Depends(_api_guard(Role.viewer), scope="function")]
Engineer = Annotated[Caller, Depends(_api_guard(Role.engineer), scope="function")]
PageViewer = Annotated[Caller, Depends(_page_guard(Role.viewer), scope="function")]
PageEngineer = Annotated[Caller, Depends(_page_guard(Role.engineer), scope="function")]
FormEngineer = Annotated[Caller, Depends(_form_guard(Role.engineer), scope="function")]
