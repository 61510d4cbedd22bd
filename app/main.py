"""Wiring only: which rooms answer where."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from app import errors, health
from app.datasets.routes import router as datasets
from app.runs.routes import router as runs
from app.scans.routes import router as scans
from app.settings import settings
from cleantrace.version import __version__

DESCRIPTION = """
Find mislabelled training data from a model's own checkpoints.

Register a **dataset**, the **training run** that learnt it with its **checkpoints**, and start a
**scan**: workers compute each example's self-influence, rank the examples and flag those whose
labels are likely wrong. Errors are RFC 9457 problem documents that name the field and the remedy.
"""


def create_app() -> FastAPI:
    settings()  # a wrong environment stops the start, not the first request
    app = FastAPI(
        title="Cleantrace",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    errors.install(app)
    app.include_router(health.router)
    project = APIRouter(prefix="/api/v1/projects/{project}")
    for room in (datasets, runs, scans):
        project.include_router(room)
    app.include_router(project)
    return app


app = create_app()
