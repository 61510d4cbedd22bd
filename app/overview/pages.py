"""A project as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.access.guards import PageViewer
from app.access.models import Role
from app.dashboard.frame import page
from app.db import ReadSession
from app.overview.view import overview
from app.scans.models import UNFINISHED

router = APIRouter(prefix="/projects/{project}", include_in_schema=False)

_REFRESH_S = 15


@router.get("")
def project_page(caller: PageViewer, db: ReadSession) -> Response:
    view = overview(db, caller)
    moves = view.reviews.cards or any(row.status in UNFINISHED for row in view.scans)
    return page(
        "overview/overview.html",
        title=caller.project_name,
        caller=caller,
        section="overview",
        refresh_s=_REFRESH_S if moves else None,
        view=view,
        is_engineer=caller.role.includes(Role.engineer),
    )
