from __future__ import annotations

import re

from sqlalchemy.orm import Session

from app.errors import Invalid
from app.projects import queries
from app.projects.models import Project

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def ensure_project(db: Session, name: str) -> Project:
    """The project of this name, created if need be.

    Raises:
        Invalid: the name cannot stand in a URL.
    """
    if not NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} cannot be a project's name.",
            field="project",
            remedy="Use 1 to 63 small letters, digits and hyphens, beginning with a letter "
            "or digit.",
        )
    return queries.ensure_project(db, name)
