from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound


class GateNotFound(NotFound):
    title = "Gate not found"
    code = "gate-not-found"


class EvaluationNotFound(NotFound):
    title = "Evaluation not found"
    code = "gate-evaluation-not-found"


class CheckInvalid(Invalid):
    title = "Check invalid"
    code = "gate-check-invalid"


class NothingToReview(Conflict):
    title = "Nothing to review"
    code = "nothing-to-review"


class ReportUnknown(NotFound):
    title = "Report unknown"
    code = "report-unknown"
