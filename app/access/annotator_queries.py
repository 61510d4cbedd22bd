from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.access.models import Annotator


def hold_annotators(db: Session, project_id: uuid.UUID) -> None:
    """Until the transaction ends, nobody else adds annotators to the project."""
    number = int.from_bytes(project_id.bytes[8:], signed=True)
    db.execute(select(func.pg_advisory_xact_lock(number)))


def annotators(
    db: Session, project_id: uuid.UUID, tool: str, names: Iterable[str]
) -> dict[str, uuid.UUID]:
    query = select(Annotator.name, Annotator.id).where(
        Annotator.project_id == project_id,
        Annotator.tool == tool,
        Annotator.name.in_(list(names)),
    )
    return {row.name: row.id for row in db.execute(query)}
