"""The dashboard's pages of scans and their examples."""

from __future__ import annotations

from textwrap import dedent
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from app.access.guards import FormEngineer, PageViewer
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.formatting import shortened
from app.dashboard.frame import Place, page, project_url, with_query
from app.datasets.service import get_dataset
from app.db import ReadSession, WriteSession
from app.evidence.service import has_evidence
from app.evidence.view import evidence_view
from app.paging import decode_time_cursor
from app.runs.service import run_of_scan
from app.scans import service, views
from app.scans.example_view import example_view
from app.scans.gallery import gallery
from app.scans.listing import AskedListing, Listing
from app.scans.models import UNFINISHED, Scan, ScanStatus
from app.scans.new_scan_view import new_scan_url
from app.scans.recall_view import recall_view
from app.scans.results import get_score, open_results
from app.schemas import Position
from app.settings import settings

router = APIRouter(prefix="/scans", include_in_schema=False)

_IN_A_PAGE = 30
_REFRESH_S = 5


@router.get("")
def list_scans(
    caller: PageViewer, db: ReadSession, dataset: UUID | None = None, after: str | None = None
) -> Response:
    scans, following = service.list_scans(
        db, caller, dataset_id=dataset, after=decode_time_cursor(after), limit=_IN_A_PAGE
    )
    url = f"{project_url(caller)}/scans"
    of = None if dataset is None else get_dataset(db, caller, dataset)
    return page(
        "scans/list.html",
        title="Scans",
        caller=caller,
        section="scans",
        refresh_s=_REFRESH_S if any(scan.status in UNFINISHED for scan in scans) else None,
        rows=views.scan_rows(db, caller, scans),
        dataset_name=None if of is None else views.dataset_title(of),
        after=after,
        first_url=url,
        first_page_url=with_query(url, dataset=dataset) if after else None,
        next_url=with_query(url, dataset=dataset, after=following) if following else None,
        new_url=new_scan_url(caller) if caller.role.includes(Role.engineer) else None,
        python=_first_scan_in_python(caller),
        curl=_first_scan(caller),
    )


def _first_scan(caller: Caller) -> str:
    base = f"{settings().public_url.rstrip('/')}/api/v1{project_url(caller)}"
    return dedent(
        f"""\
        curl -X POST {base}/scans \\
          -H "Authorization: Bearer $CLEANTRACE_API_KEY" \\
          -H "Content-Type: application/json" \\
          -d '{{"run_id": "…", "policy": {{"kind": "share", "share": 0.1}}}}'"""
    )


def _first_scan_in_python(caller: Caller) -> str:
    return dedent(
        f"""\
        from cleantrace import Client

        # The key is read from CLEANTRACE_API_KEY.
        client = Client("{settings().public_url}", project="{caller.project_name}")
        data = client.register_dataset("digits", "1", "/data/digits.parquet", format="parquet",
                                       task="classification", input="image", label="label")
        client.wait_for_dataset(data)
        model = {{"name": "small_cnn",
                 "args": {{"in_channels": 1, "classes": 10, "image_size": 8}}}}
        run = client.register_run("first run", data, model)
        client.register_checkpoint(run, "/data/step-100.safetensors", step=100, eta=0.05)
        client.start_scan(run, share=0.1)"""
    )


def _crumbs(caller: Caller, *steps: Place) -> tuple[Place, ...]:
    return (Place("scans", f"{project_url(caller)}/scans"), *steps)


@router.get("/{scan_id}")
def scan_page(
    scan_id: UUID, caller: PageViewer, db: ReadSession, listing: AskedListing
) -> Response:
    scan = service.get_scan(db, caller, scan_id)
    dataset = get_dataset(db, caller, scan.dataset_id)
    out = service.describe_scan(db, scan)
    head = views.head(caller, scan, out, dataset, run_of_scan(db, scan.run_id))
    url = views.scan_url(caller, scan)
    found = open_results(db, caller, scan_id) if scan.status == ScanStatus.complete else None
    return page(
        "scans/scan.html",
        title=head.title,
        caller=caller,
        section="scans",
        crumbs=_crumbs(caller, Place(views.dataset_title(dataset))),
        refresh_s=_REFRESH_S if scan.status in UNFINISHED else None,
        head=head,
        running=views.running(caller, scan, out),
        overview=views.overview(db, caller, found) if found else None,
        recall=recall_view(scan) if found else None,
        view=gallery(db, caller, found, listing, url) if found else None,
        review_url=_review_url(caller, scan, listing) if found else None,
        gate_url=with_query(f"{project_url(caller)}/gates/check", scan=scan.id)
        if found and caller.role.includes(Role.engineer)
        else None,
    )


def _review_url(caller: Caller, scan: Scan, listing: Listing) -> str | None:
    """Where a queue is made of what is listed."""
    if not caller.role.includes(Role.engineer):
        return None
    return with_query(
        f"{project_url(caller)}/queues/new",
        scan=scan.id,
        given=listing.label,
        suggested=listing.suggested if listing.label else None,
    )


@router.get("/{scan_id}/examples/{position}")
def example_page(
    scan_id: UUID,
    position: Position,
    caller: PageViewer,
    db: ReadSession,
    listing: AskedListing,
    evidence: bool = False,
) -> Response:
    """Evidence is looked for when asked: a script does at once, so that the page need not wait."""
    found = open_results(db, caller, scan_id)
    url = views.scan_url(caller, found.scan)
    view = example_view(db, caller, found, position, listing, url)
    seen = None
    if evidence and has_evidence(found):
        score = get_score(db, found, position)
        seen = evidence_view(db, caller, found, score, url, listing.query)
    return page(
        "scans/example.html",
        title=f"Example {shortened(view.key)}",
        caller=caller,
        section="scans",
        crumbs=_crumbs(
            caller,
            Place(views.dataset_title(found.dataset), url),
            Place(view.list_name, view.list_url),
            Place(shortened(view.key)),
        ),
        view=view,
        evidence=seen,
        evidence_url=_evidence_url(url, position, listing) if has_evidence(found) else None,
    )


def _evidence_url(url: str, position: int, listing: Listing) -> str:
    query = listing.query
    return f"{url}/examples/{position}{query}{'&' if query else '?'}evidence=1#evidence"


@router.post("/{scan_id}/cancel")
def cancel_scan(scan_id: UUID, caller: FormEngineer, db: WriteSession) -> Response:
    scan = service.cancel_scan(db, caller, scan_id)
    return RedirectResponse(views.scan_url(caller, scan), 303)


@router.post("/{scan_id}/retry")
def retry_scan(scan_id: UUID, caller: FormEngineer, db: WriteSession) -> Response:
    scan = service.retry_scan(db, caller, scan_id)
    return RedirectResponse(views.scan_url(caller, scan), 303)
