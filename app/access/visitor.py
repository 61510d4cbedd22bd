"""What is known of a browser before anybody is signed in."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from app.access.errors import NotAllowed
from app.settings import settings

SESSION_COOKIE = "ct_session"
DEVICE_COOKIE = "ct_device"


@dataclass(frozen=True)
class Visitor:
    address: str = ""
    """An IPv4 address, or the network that a site with IPv6 has to itself."""
    user_agent: str = ""
    session: str | None = None
    """What the session's cookie holds, whether or not it opens anything."""
    device: str | None = None
    """What the cookie holds that a browser keeps after signing in."""


def _visitor(request: Request) -> Visitor:
    return Visitor(
        address=_network(request.client.host if request.client else ""),
        user_agent=request.headers.get("User-Agent", "")[:300],
        session=request.cookies.get(SESSION_COOKIE) or None,
        device=request.cookies.get(DEVICE_COOKIE) or None,
    )


def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:100]
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _own_visitor(request: Request) -> Visitor:
    """Nobody is signed in yet, so there is no token to compare: another site must not be able
    to sign a visitor in as somebody else. Raises NotAllowed.
    """
    if not _is_from_here(request):
        raise NotAllowed(
            "This sign-in came from another site; nothing was done.",
            remedy="Open the sign-in page here and sign in there.",
        )
    return _visitor(request)


def _is_from_here(request: Request) -> bool:
    """Whether a page of ours sent this, as far as the browser tells; programs tell nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc in {
        request.headers.get("Host"),
        urlsplit(settings().public_url).netloc,
    }


AnyVisitor = Annotated[Visitor, Depends(_visitor)]
"""For links that are followed from elsewhere."""
OwnVisitor = Annotated[Visitor, Depends(_own_visitor)]
"""For forms of ours that nobody need be signed in for."""
