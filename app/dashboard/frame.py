"""The frame around every page, and how a page is made of a template and ready values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from app.access.service import Caller
from app.dashboard.assets import asset_url
from app.dashboard.formatting import FILTERS, plural

_APP = Path(__file__).parents[1]
_ROOMS = (
    "access",
    "compare",
    "dashboard",
    "datasets",
    "estimates",
    "explore",
    "exports",
    "gates",
    "overview",
    "reviews",
    "scans",
    "webhooks",
)


@dataclass(frozen=True)
class Place:
    """A step of the way to a page, for the crumbs; the last one has no link."""

    name: str
    url: str | None = None


@cache
def templates() -> Environment:
    rooms = {room: FileSystemLoader(_APP / room / "templates") for room in _ROOMS}
    environment = Environment(
        loader=PrefixLoader(rooms),
        # Labels, keys, file names and texts are other people's: everything is escaped.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(asset=asset_url, plural=plural)
    return environment


def page(
    template: str,
    *,
    title: str,
    caller: Caller | None,
    section: str = "",
    crumbs: tuple[Place, ...] = (),
    refresh_s: int | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Render a page.

    Args:
        template: `room/name.html`.
        title: of the browser's tab.
        caller: who is signed in; None leaves the navigation out.
        section: which entry of the navigation the page belongs to.
        refresh_s: the page changes by itself: look again after this many seconds.
    """
    html = (
        templates()
        .get_template(template)
        .render(
            title=title,
            caller=caller,
            project_url=project_url(caller) if caller else None,
            section=section,
            crumbs=crumbs,
            refresh_s=refresh_s,
            **values,
        )
    )
    # Pages hold data of a project: no cache keeps them past sign-out.
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})


def project_url(caller: Caller) -> str:
    return f"/projects/{quote(caller.project_name)}"


def with_query(path: str, **values: Any) -> str:
    """A path with a query of those values that are there."""
    query = urlencode({name: value for name, value in values.items() if value not in (None, "")})
    return f"{path}?{query}" if query else path
