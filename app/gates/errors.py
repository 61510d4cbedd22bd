from __future__ import annotations

from app.errors import Invalid, NotFound


class GateNotFound(NotFound):
    title = "Gate not found"
    code = "gate-not-found"


class EvaluationNotFound(NotFound):
    title = "Evaluation not found"
    code = "gate-evaluation-not-found"


class CheckInvalid(Invalid):
    title = "Check invalid"
    code = "gate-check-invalid"
