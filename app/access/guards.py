"""What a route declares it needs: a role, and a project that is the caller's.

Each is a FastAPI dependency that yields the `Caller`:

- `Viewer`, `Reviewer`, `Engineer`, `Admin` for the API: a bearer key, or the dashboard's cookie.
  A request that changes something counts with the cookie only if its header `X-CSRF-Token` holds
  the session's token: another site can send the cookie, but cannot read the token.
- `PageViewer`, … for pages: the cookie.
- `FormReviewer`, … for forms of pages: the cookie, and the token in the field `csrf_token`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Annotated

from fastapi import BackgroundTasks, Depends, Form, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.access import keys
from app.access.errors import NotAllowed, NotSignedIn, ProjectNotFound
from app.access.models import Role
from app.access.service import Caller, require_project, require_writing
from app.access.sessions import SignedIn, session_by_cookie
from app.access.visitor import SESSION_COOKIE as COOKIE
from app.db import ReadSession
from app.errors import raises

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_bearer = HTTPBearer(
    auto_error=False, description="An API key, made with `cleantrace keys create`."
)


class SignInNeeded(Exception):
    """A page was asked for without a session: the browser goes to the sign-in page."""


def _api_guard(role: Role) -> Callable[..., Caller]:
    @raises(NotSignedIn, NotAllowed, ProjectNotFound)
    def guard(
        request: Request,
        db: ReadSession,
        project: str,
        background: BackgroundTasks,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    ) -> Caller:
        caller = _api_caller(request, db, background, project, credentials)
        caller.require(role)
        # A question too long for an address is a POST that a viewer may send: it changes nothing.
        if request.method not in SAFE_METHODS and role is not Role.viewer:
            require_writing(caller)
        return caller

    guard.__name__ = f"api_{role.value}"
    return guard


def _api_caller(
    request: Request,
    db: ReadSession,
    background: BackgroundTasks,
    project: str,
    credentials: HTTPAuthorizationCredentials | None,
) -> Caller:
    if credentials is not None:
        key = keys.require_key(db, credentials.credentials)
        if keys.is_use_unnoted(key):
            background.add_task(keys.note_use, key.id)
        caller = keys.caller_of(key)
        require_project(caller, project)
        return caller
    signed_in = signed_in_browser(request, db)
    if signed_in is None:
        raise NotSignedIn(
            "This request carries no API key.",
            remedy="Send the header 'Authorization: Bearer ct_…'. Make a key with: "
            "cleantrace keys create --project NAME.",
        )
    if request.method not in SAFE_METHODS:
        require_csrf(signed_in, request.headers.get(CSRF_HEADER, ""))
    return signed_in.in_project(project)


def _page_guard(role: Role) -> Callable[..., Caller]:
    def guard(request: Request, db: ReadSession, project: str) -> Caller:
        caller = require_sign_in(request, db).in_project(project)
        caller.require(role)
        return caller

    guard.__name__ = f"page_{role.value}"
    return guard


def _form_guard(role: Role) -> Callable[..., Caller]:
    def guard(
        request: Request, db: ReadSession, project: str, csrf_token: Annotated[str, Form()] = ""
    ) -> Caller:
        signed_in = require_sign_in(request, db)
        caller = signed_in.in_project(project)
        caller.require(role)
        require_csrf(signed_in, csrf_token)
        require_writing(caller)
        return caller

    guard.__name__ = f"form_{role.value}"
    return guard


def signed_in_browser(request: Request, db: ReadSession) -> SignedIn | None:
    cookie = request.cookies.get(COOKIE)
    return session_by_cookie(db, cookie) if cookie else None


def require_sign_in(request: Request, db: ReadSession) -> SignedIn:
    """Raises SignInNeeded."""
    signed_in = signed_in_browser(request, db)
    if signed_in is None:
        raise SignInNeeded
    return signed_in


def page_caller(request: Request, db: ReadSession) -> Caller | None:
    """Who is signed in, in their own project, for pages that need nobody to be."""
    signed_in = signed_in_browser(request, db)
    return None if signed_in is None else signed_in.at_home()


def require_csrf(signed_in: SignedIn, csrf_token: str) -> None:
    """Raises NotAllowed: the request is not one that this session's pages sent."""
    if not hmac.compare_digest(csrf_token.encode(), signed_in.csrf_token.encode()):
        raise NotAllowed(
            "This form is out of date or came from elsewhere; nothing was changed.",
            remedy="Go back, reload the page and try again. A script sends the session's token "
            f"in the header {CSRF_HEADER}.",
        )


def _form_signed_in(
    request: Request, db: ReadSession, csrf_token: Annotated[str, Form()] = ""
) -> SignedIn:
    signed_in = require_sign_in(request, db)
    require_csrf(signed_in, csrf_token)
    return signed_in


PageSignedIn = Annotated[SignedIn, Depends(require_sign_in, scope="function")]
"""For pages about the one who is signed in, whatever their projects."""
FormSignedIn = Annotated[SignedIn, Depends(_form_signed_in, scope="function")]
Viewer = Annotated[Caller, Depends(_api_guard(Role.viewer), scope="function")]
Reviewer = Annotated[Caller, Depends(_api_guard(Role.reviewer), scope="function")]
Engineer = Annotated[Caller, Depends(_api_guard(Role.engineer), scope="function")]
Admin = Annotated[Caller, Depends(_api_guard(Role.admin), scope="function")]
PageViewer = Annotated[Caller, Depends(_page_guard(Role.viewer), scope="function")]
PageReviewer = Annotated[Caller, Depends(_page_guard(Role.reviewer), scope="function")]
PageEngineer = Annotated[Caller, Depends(_page_guard(Role.engineer), scope="function")]
PageAdmin = Annotated[Caller, Depends(_page_guard(Role.admin), scope="function")]
FormReviewer = Annotated[Caller, Depends(_form_guard(Role.reviewer), scope="function")]
FormEngineer = Annotated[Caller, Depends(_form_guard(Role.engineer), scope="function")]
FormAdmin = Annotated[Caller, Depends(_form_guard(Role.admin), scope="function")]
