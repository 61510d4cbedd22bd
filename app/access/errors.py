from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound, ProblemError


class NotSignedIn(ProblemError):
    status = 401
    title = "API key needed"
    code = "api-key-needed"


class NotAllowed(ProblemError):
    status = 403
    title = "Not allowed"
    code = "not-allowed"


class ProjectNotFound(NotFound):
    title = "Project not found"
    code = "project-not-found"


class LinkSpent(ProblemError):
    status = 410
    title = "Sign-in link spent"
    code = "sign-in-link-spent"


class ProviderRefused(ProblemError):
    status = 403
    title = "Sign-in refused"
    code = "sign-in-refused"


class ProviderUnavailable(ProblemError):
    status = 502
    title = "Sign-in provider unavailable"
    code = "sign-in-provider-unavailable"


class TooManyAttempts(ProblemError):
    status = 429
    title = "Too many attempts"
    code = "too-many-attempts"


class InvitationSpent(ProblemError):
    status = 410
    title = "Invitation spent"
    code = "invitation-spent"


class InvitationNotFound(NotFound):
    title = "Invitation not found"
    code = "invitation-not-found"


class KeyNotFound(NotFound):
    title = "Key not found"
    code = "key-not-found"


class PersonNotFound(NotFound):
    title = "Person not found"
    code = "person-not-found"


class GroupNotFound(NotFound):
    title = "Group not found"
    code = "group-not-found"


class GroupExists(Conflict):
    title = "Group exists"
    code = "group-exists"


class GroupAssigned(Conflict):
    title = "Group assigned"
    code = "group-assigned"


class GroupInvalid(Invalid):
    title = "Group not accepted"
    code = "group-invalid"


class LastAdmin(Conflict):
    title = "Last admin"
    code = "last-admin"


class PersonInvalid(Invalid):
    title = "Not accepted"
    code = "person-invalid"


class SessionNotFound(NotFound):
    title = "Session not found"
    code = "session-not-found"


class IdempotencyKeyReused(Conflict):
    title = "Idempotency key reused"
    code = "idempotency-key-reused"


class IdempotencyKeyInvalid(Invalid):
    title = "Idempotency key invalid"
    code = "idempotency-key-invalid"
