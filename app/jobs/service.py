"""What rooms ask of small jobs."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from app.jobs import queries
from app.jobs.models import Job

_KEPT = timedelta(days=1)


def forget_old(db: Session, kind: type[Job], project_id: uuid.UUID) -> None:
    """Delete a project's jobs of this kind that nobody will look at any more."""
    queries.delete_older_jobs(db, kind, project_id, _KEPT)
