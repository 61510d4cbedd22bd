"""Who calls, what they may do, and the log of what they did: what every room asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.errors import NotAllowed, ProjectNotFound
from app.access.models import AuditEntry, PrincipalKind, Role


@dataclass(frozen=True)
class Caller:
    """A request's principal, in one project."""

    project_id: UUID
    project_name: str
    role: Role
    label: str
    """How the audit log calls them, such as `key first (…)`."""
    principal_id: UUID
    """What they do is recorded as this principal's."""
    name: str
    """How pages call them."""
    kind: PrincipalKind
    read_only: bool = False
    """They see what their role sees, and change nothing."""
    session_id: UUID | None = None
    csrf_token: str | None = None
    projects: tuple[str, ...] = ()
    """Names of all the projects that they may go to."""

    def require(self, role: Role) -> None:
        """Raises NotAllowed: the role in this project is too low."""
        if self.role.includes(role):
            return
        remedy = (
            f"Use a key with the role {role.value}: cleantrace keys create --role {role.value}."
            if self.kind is PrincipalKind.key
            else f"Ask an admin of {self.project_name} for the role {role.value}."
        )
        raise NotAllowed(
            f"This needs the role {role.value}; the caller has {self.role.value}.", remedy=remedy
        )


def require_writing(caller: Caller) -> None:
    """Raises NotAllowed: the caller's key is for reading only."""
    if caller.read_only:
        raise NotAllowed(
            "This key is for reading only.",
            remedy="Use another: cleantrace keys create without --read-only.",
        )


def require_project(caller: Caller, project: str) -> None:
    """A project that is not the caller's is not found: its existence is not told."""
    if caller.project_name != project:
        raise no_such_project(project, (caller.project_name,))


def no_such_project(project: str, mine: tuple[str, ...]) -> ProjectNotFound:
    names = ", ".join(repr(name) for name in mine) or "none yet"
    return ProjectNotFound(
        f"There is no project {project!r} that this caller may see.",
        field="project",
        remedy=f"Use a project of the caller's: {names}.",
    )


def audit(db: Session, caller: Caller, action: str, subject: str, **details: Any) -> None:
    """Add a line to the append-only log, in the transaction of the change itself."""
    db.add(
        AuditEntry(
            project_id=caller.project_id,
            principal_id=caller.principal_id,
            caller=caller.label,
            action=action,
            subject=subject,
            details=details,
        )
    )


def audit_person(
    db: Session,
    project_id: UUID,
    person_id: UUID,
    label: str,
    action: str,
    subject: str,
    **details: Any,
) -> None:
    """The same for somebody who is only just becoming a caller."""
    db.add(
        AuditEntry(
            project_id=project_id,
            principal_id=person_id,
            caller=label,
            action=action,
            subject=subject,
            details=details,
        )
    )


def audit_operator(
    db: Session, project_id: UUID, action: str, subject: str, **details: Any
) -> None:
    """The same for whoever runs commands on the machine itself, whom nothing identifies."""
    db.add(
        AuditEntry(
            project_id=project_id,
            caller="command line",
            action=action,
            subject=subject,
            details=details,
        )
    )
