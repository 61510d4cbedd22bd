"""The dashboard's pages of review queues."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from app.access.guards import PageViewer
from app.access.models import Role
from app.dashboard.frame import page, project_url, with_query
from app.db import ReadSession
from app.paging import decode_time_cursor
from app.reviews import queues
from app.reviews.new_queue_view import new_queue_url
from app.reviews.queue_view import queue_cards

router = APIRouter(prefix="/queues", include_in_schema=False)

_IN_A_PAGE = 20
_REFRESH_S = 10


@router.get("")
def list_queues(
    caller: PageViewer, db: ReadSession, dataset: UUID | None = None, after: str | None = None
) -> Response:
    found, following = queues.list_queues(
        db, caller, dataset_id=dataset, after=decode_time_cursor(after), limit=_IN_A_PAGE
    )
    cards = queue_cards(db, caller, found)
    url = f"{project_url(caller)}/queues"
    is_open = any(not (card.is_closed or card.progress.is_over) for card in cards)
    return page(
        "reviews/queues.html",
        title="Queues",
        caller=caller,
        section="queues",
        refresh_s=_REFRESH_S if is_open else None,
        cards=cards,
        first=next((card.id for card in cards if card.mine.url), None),
        only_reviews=not caller.role.includes(Role.engineer),
        is_filtered=dataset is not None,
        after=after,
        all_url=url,
        first_page_url=with_query(url, dataset=dataset) if after else None,
        next_url=with_query(url, dataset=dataset, after=following) if following else None,
        new_url=new_queue_url(caller) if caller.role.includes(Role.engineer) else None,
        scans_url=f"{project_url(caller)}/scans",
    )
