"""Signing in and out of the dashboard."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Header, Request, Response
from fastapi.responses import RedirectResponse

from app.access import sessions
from app.access.errors import NotAllowed, NotSignedIn
from app.access.guards import COOKIE, require_csrf, require_sign_in, signed_in_browser
from app.dashboard.frame import page, project_url
from app.db import ReadSession, WriteSession
from app.settings import settings

router = APIRouter(include_in_schema=False)


def local_path(value: str | None) -> str | None:
    """The value if it is a path on this site, else None: signing in never leads elsewhere.

    Browsers read `//host` and `/\\host` as other hosts, and drop tabs and line ends first.
    """
    if not value or not value.startswith("/") or len(value) > 2000:
        return None
    if "\\" in value or any(ord(letter) < 33 or ord(letter) == 127 for letter in value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return None if parts.scheme or parts.netloc or value.startswith("//") else value


@router.get("/")
def home(request: Request, db: ReadSession) -> Response:
    caller = require_sign_in(request, db).at_home()
    if caller is None:
        return page("access/no_project.html", title="No project", caller=None, section="error")
    return RedirectResponse(f"{project_url(caller)}/scans", 303)


@router.get("/sign-in")
def sign_in_page(next: str | None = None) -> Response:  # noqa: A002 - the name in the address
    return page(
        "access/sign_in.html",
        title="Sign in",
        caller=None,
        section="sign-in",
        next=local_path(next),
        problem=None,
    )


@router.post("/sign-in")
def sign_in(
    db: WriteSession,
    api_key: Annotated[str, Form()] = "",
    next: Annotated[str | None, Form()] = None,  # noqa: A002
    sec_fetch_site: Annotated[str | None, Header()] = None,
) -> Response:
    # Nobody is signed in yet, so there is no token to compare: another site must not be able to
    # sign a visitor in as somebody else.
    if sec_fetch_site == "cross-site":
        raise NotAllowed(
            "This sign-in came from another site; nothing was done.",
            remedy="Open the sign-in page here and enter the key.",
        )
    following = local_path(next)
    try:
        secret = sessions.sign_in_with_key(db, api_key.strip())
    except NotSignedIn as error:
        return page(
            "access/sign_in.html",
            title="Sign in",
            caller=None,
            section="sign-in",
            status=error.status,
            next=following,
            problem={"remedy": None} | error.as_problem(),
        )
    return _signed_in(secret, following or "/")


@router.get("/sign-in/link/{token}")
def sign_in_by_link(token: str, db: WriteSession) -> Response:
    """Raises LinkSpent."""
    secret = sessions.sign_in_with_link(db, token)
    return _signed_in(secret, "/")


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


def _signed_in(secret: str, following: str) -> Response:
    answer = RedirectResponse(following, 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(sessions.SESSION_TTL.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings().public_url.startswith("https:"),
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
