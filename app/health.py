"""Whether this process and what it needs are up; needs no key."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app import db, nudges
from cleantrace.version import __version__

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok", "degraded", "down"]
    version: str
    database: bool
    broker: bool


@router.get("/api/v1/health", response_model=Health, responses={503: {"model": Health}})
def health(response: Response) -> Health:
    """`degraded` without the broker: requests are taken, and work starts when it is back."""
    database = _database_answers()
    broker = _broker_answers()
    if not database:
        response.status_code = 503
    status: Literal["ok", "degraded", "down"] = (
        "down" if not database else "ok" if broker else "degraded"
    )
    return Health(status=status, version=__version__, database=database, broker=broker)


def _database_answers() -> bool:
    try:
        with db.engine().connect():
            return True
    except SQLAlchemyError:
        return False


def _broker_answers() -> bool:
    try:
        nudges.waiting_in(nudges.SCORING_QUEUE)
    except OSError:
        return False
    return True
