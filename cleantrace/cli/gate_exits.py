"""With which status a verdict ends a command."""

from typing import Any

from cleantrace.cli.exits import FAILED, NO_VERDICT, PASSED
from cleantrace.client import GateEvaluation


def status_of(evaluation: GateEvaluation, *, strict: bool) -> int:
    """Strict: a warning counts as what it would be without being one."""
    verdicts: dict[str, Any] = {"pass": PASSED, "fail": FAILED, "no_verdict": NO_VERDICT}
    if evaluation.verdict in verdicts:
        status: int = verdicts[evaluation.verdict]
        return FAILED if strict and status == NO_VERDICT and _warns(evaluation) else status
    if not strict:
        return PASSED
    return FAILED if _warns(evaluation) else NO_VERDICT


def _warns(evaluation: GateEvaluation) -> bool:
    """A rule is broken that only warns."""
    return any(rule.status == "warn" and rule.finding == "broken" for rule in evaluation.rules)
