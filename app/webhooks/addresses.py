"""Where webhooks may go: which URLs may be registered, and which IP addresses connected to."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

from pydantic import HttpUrl, TypeAdapter, ValidationError

from app.settings import settings
from app.webhooks.errors import WebhookAddressInvalid

_URL = TypeAdapter(HttpUrl)
_LONGEST = 2000
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def checked_url(text: str) -> str:
    """The URL in its usual form: name in ASCII, numeric addresses in dots.

    A name is not resolved here: what it stands for may change, so each attempt looks anew.

    Raises:
        WebhookAddressInvalid: not a URL that webhooks may go to.
    """
    try:
        url = _URL.validate_python(text.strip())
    except ValidationError as error:
        raise _refused("This is not an http or https address.") from error
    if len(str(url)) > _LONGEST:
        raise _refused(f"An address has at most {_LONGEST} characters.")
    if url.scheme == "http" and not settings().webhook_http:
        raise _refused("Webhooks go over https only, and this address begins with http.")
    if url.username or url.password:
        raise _refused("An address may not hold a user name or password: anybody here can read it.")
    if url.fragment:
        raise _refused("An address may not have a fragment (#…): it is never sent.")
    literal = _ip_of((url.host or "").strip("[]"))
    if literal is not None:
        require_reachable([literal])
    return str(url)


def require_reachable(addresses: list[str]) -> None:
    """Raises WebhookAddressInvalid: one of these IP addresses is not public, and must be."""
    if settings().webhook_private:
        return
    for address in addresses:
        if not is_public(address):
            raise _refused(
                f"{address} is not a public address.",
                remedy="Use a public address. For receivers in a network of your own the "
                "service's operator can set CLEANTRACE_WEBHOOK_PRIVATE.",
            )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open Internet, by whatever form it is written in."""
    ip = _reached_by(ipaddress.ip_address(address.partition("%")[0]))
    site_local = isinstance(ip, IPv6Address) and ip.is_site_local
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or site_local)


def _reached_by(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, if it holds one; else itself."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _ip_of(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _refused(detail: str, remedy: str | None = None) -> WebhookAddressInvalid:
    return WebhookAddressInvalid(
        detail,
        field="url",
        remedy=remedy or "Give an address such as https://example.com/hooks/cleantrace.",
    )
