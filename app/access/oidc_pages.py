"""Going to the sign-in provider and coming back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import oidc, provider
from app.access.answers import local_path, set_cookie, signed_in_answer
from app.access.errors import InvitationSpent, ProviderRefused, ProviderUnavailable
from app.access.pages import sign_in_form
from app.access.visitor import AnyVisitor
from app.errors import NotFound
from app.settings import settings

router = APIRouter(include_in_schema=False)
_COOKIE = "ct_oidc"
_Given = Annotated[str, Query(max_length=4096)]


@router.get("/sign-in/oidc")
def leave(next: _Given = "/") -> Response:  # noqa: A002 - the name in the address
    """Raises NotFound: no provider is set."""
    _require_provider()
    try:
        left = oidc.leave(local_path(next) or "/")
    except ProviderUnavailable as error:
        return sign_in_form(local_path(next), error)
    answer = RedirectResponse(left.url, 303)
    set_cookie(answer, _COOKIE, left.cookie, int(oidc.FLOW_TTL.total_seconds()))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.get(provider.CALLBACK)
def come_back(
    request: Request,
    visitor: AnyVisitor,
    code: _Given = "",
    state: _Given = "",
    error: _Given = "",
    iss: _Given = "",
) -> Response:
    """Raises NotFound: no provider is set."""
    _require_provider()
    try:
        if error or not code or (iss and iss != settings().oidc_issuer):
            raise ProviderRefused(
                "The sign-in provider did not let you in.",
                remedy="Begin again, or sign in with a password.",
            )
        begun, following = oidc.come_back(
            code=code, state=state, cookie=request.cookies.get(_COOKIE), visitor=visitor
        )
    except (ProviderRefused, ProviderUnavailable, InvitationSpent) as refused:
        answer = sign_in_form(None, refused)
    else:
        answer = signed_in_answer(begun, following)
    answer.delete_cookie(_COOKIE, path="/")
    return answer


def _require_provider() -> None:
    if not provider.is_configured():
        raise NotFound(
            "No sign-in provider is set here.",
            remedy="Sign in with a password. Operators: set CLEANTRACE_OIDC_ISSUER.",
        )
