from __future__ import annotations

from app.errors import Conflict, NotFound


class NoEvidence(Conflict):
    title = "No evidence"
    code = "no-evidence"


class ExampleNotFinite(Conflict):
    title = "Example not finite"
    code = "example-not-finite"


class EvidenceRequestNotFound(NotFound):
    title = "Evidence request not found"
    code = "evidence-request-not-found"
