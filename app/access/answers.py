"""Answers that give the browser its cookies, and where a browser may be sent."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import Response
from fastapi.responses import RedirectResponse

from app.access import sessions
from app.access.models import Role
from app.access.sign_in import Begun
from app.access.visitor import DEVICE_COOKIE, SESSION_COOKIE
from app.settings import settings

_YEAR_S = 365 * 24 * 3600


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


def first_page(project: str, role: Role) -> str:
    """Where a member begins: whoever reviews, at the queues; others see the project as a whole."""
    return f"/projects/{quote(project)}{'/queues' if role is Role.reviewer else ''}"


def signed_in_answer(begun: Begun, following: str) -> Response:
    answer = RedirectResponse(following, 303)
    session_s = int(sessions.SESSION_TTL.total_seconds())
    set_cookie(answer, SESSION_COOKIE, begun.session, session_s)
    if begun.device is not None:
        set_cookie(answer, DEVICE_COOKIE, begun.device, _YEAR_S)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def set_cookie(answer: Response, name: str, value: str, max_age_s: int) -> None:
    """A cookie that no script reads and no other site's forms send."""
    answer.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings().public_url.startswith("https:"),
    )
