"""Every SQL statement about projects."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.projects.models import Project


def ensure_project(db: Session, name: str) -> Project:
    """The project of this name, made if there is none; two callers at once get the same."""
    db.execute(insert(Project).values(name=name).on_conflict_do_nothing(index_elements=["name"]))
    return db.scalars(select(Project).where(Project.name == name)).one()
