from __future__ import annotations

from app.errors import Conflict


class NoEvidence(Conflict):
    title = "No evidence"
    code = "no-evidence"


class ExampleNotFinite(Conflict):
    title = "Example not finite"
    code = "example-not-finite"
