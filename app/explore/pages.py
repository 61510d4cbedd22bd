"""The page for looking around in a scan."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from app.access.guards import PageViewer
from app.dashboard.frame import Place, page, project_url
from app.db import ReadSession
from app.explore.view import explore_view
from app.scans.region_address import Asked
from app.scans.results import open_results

router = APIRouter(prefix="/scans", include_in_schema=False)


@router.get("/{scan_id}/explore")
def explore_page(
    scan_id: UUID,
    caller: PageViewer,
    db: ReadSession,
    asked: Asked,
    colour: str = "",
    after: str | None = None,
    now: bool = False,
) -> Response:
    """Among a million examples the selection takes a moment: a script asks for it after the page.

    Raises:
        ScanNotFound, ScanNotComplete.
        RegionInvalid: there is no such axis.
    """
    found = open_results(db, caller, scan_id)
    view = explore_view(db, caller, found, asked, colour=colour, after=after or None, now=now)
    return page(
        "explore/explore.html",
        title=f"Looking around in {view.title}",
        caller=caller,
        section="scans",
        crumbs=(
            Place("scans", f"{project_url(caller)}/scans"),
            Place(view.title, view.scan_url),
            Place("look around"),
        ),
        status=200 if view.problem is None else 422,
        view=view,
    )
