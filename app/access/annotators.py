"""People who annotate in another tool: principals, so that what they said is theirs here too."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import annotator_queries as queries
from app.access.models import Annotator, Principal, PrincipalKind


def find_or_add_annotators(
    db: Session, project_id: UUID, tool: str, names: Collection[str]
) -> tuple[dict[str, UUID], frozenset[str]]:
    """Their principals by name, and the names that are new. Others wait until the transaction ends.

    The tool stands beside each name: nobody passes for one of the project's own people.
    """
    queries.hold_annotators(db, project_id)
    found = queries.annotators(db, project_id, tool, names)
    new = frozenset(names) - found.keys()
    for name in sorted(new):
        principal = Principal(kind=PrincipalKind.annotator, name=f"{name} ({tool})")
        db.add(principal)
        db.flush()
        db.add(Annotator(id=principal.id, project_id=project_id, tool=tool, name=name))
        found[name] = principal.id
    db.flush()
    return found, new


def known_annotators(
    db: Session, project_id: UUID, tool: str, names: Collection[str]
) -> dict[str, UUID]:
    return queries.annotators(db, project_id, tool, names)
