"""Wiring only: which rooms answer where."""

from __future__ import annotations

from fastapi import APIRouter

from app import errors, health
from app.access.account_pages import router as account_pages
from app.access.audit_pages import router as audit_pages
from app.access.audit_routes import router as audit
from app.access.group_pages import router as group_pages
from app.access.group_routes import router as groups
from app.access.invitation_pages import router as invitation_pages
from app.access.key_pages import router as key_pages
from app.access.key_routes import router as keys
from app.access.oidc_pages import router as oidc_pages
from app.access.pages import router as access_pages
from app.access.people_pages import router as people_pages
from app.access.people_routes import router as people
from app.bodies import BodyLimit
from app.compare.pages import router as comparison_pages
from app.compare.routes import router as comparisons
from app.dashboard import errors as error_pages
from app.dashboard.assets import router as assets
from app.dashboard.headers import SecurityHeaders
from app.dashboard.reference import router as reference
from app.datasets.pages import router as dataset_pages
from app.datasets.routes import router as datasets
from app.estimates.pages import router as estimate_pages
from app.estimates.routes import router as label_estimates
from app.evidence.routes import router as evidence
from app.explore.pages import router as explore_pages
from app.explore.routes import router as explore
from app.exports.pages import router as export_pages
from app.exports.routes import router as exports
from app.gates.evaluation_pages import router as evaluation_pages
from app.gates.pages import router as gate_pages
from app.gates.routes import router as gates
from app.openapi import Api
from app.overview.pages import router as overview_pages
from app.reviews.bulk_pages import router as bulk_pages
from app.reviews.bulk_routes import router as bulk
from app.reviews.figure_routes import router as figures
from app.reviews.import_pages import router as import_pages
from app.reviews.import_routes import router as review_imports
from app.reviews.lead_pages import router as lead_pages
from app.reviews.new_queue_pages import router as new_queue_pages
from app.reviews.queue_pages import router as queue_pages
from app.reviews.queue_routes import router as queues
from app.reviews.review_pages import router as review_pages
from app.reviews.routes import router as reviews
from app.runs.routes import router as runs
from app.scans.estimate_routes import router as estimates
from app.scans.new_scan_pages import router as new_scan_pages
from app.scans.pages import router as scan_pages
from app.scans.routes import router as scans
from app.settings import settings
from app.signing.routes import router as signing
from app.uploads.routes import router as uploads
from app.webhooks.pages import router as webhook_pages
from app.webhooks.routes import router as webhooks
from cleantrace.version import __version__

DESCRIPTION = """
Find mislabelled training data from a model's own checkpoints.

Register a **dataset**, the **training run** that learnt it with its **checkpoints**, and start a
**scan**: workers compute each example's self-influence, rank the examples and flag those whose
labels are likely wrong. Errors are RFC 9457 problem documents that name the field and the remedy.
"""


def create_app() -> Api:
    settings()  # a wrong environment stops the start, not the first request
    app = Api(
        title="Cleantrace",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    errors.install(app)
    error_pages.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    app.include_router(health.router)
    project = APIRouter(prefix="/api/v1/projects/{project}")
    for room in (
        datasets,
        comparisons,
        label_estimates,
        runs,
        uploads,
        estimates,
        scans,
        explore,
        evidence,
        queues,
        reviews,
        bulk,
        review_imports,
        figures,
        gates,
        exports,
        people,
        groups,
        keys,
        audit,
        webhooks,
    ):
        project.include_router(room)
    app.include_router(project)
    app.include_router(signing)
    pages = APIRouter(prefix="/projects/{project}")
    for room in (
        dataset_pages,
        comparison_pages,
        estimate_pages,
        export_pages,
        gate_pages,
        evaluation_pages,
        new_scan_pages,
        scan_pages,
        explore_pages,
        new_queue_pages,
        queue_pages,
        review_pages,
        lead_pages,
        bulk_pages,
        import_pages,
        people_pages,
        group_pages,
        key_pages,
        webhook_pages,
        audit_pages,
    ):
        pages.include_router(room)
    for router in (
        overview_pages,
        pages,
        access_pages,
        oidc_pages,
        account_pages,
        invitation_pages,
        assets,
        reference,
    ):
        app.include_router(router)
    return app


app = create_app()
