"""How commands on gates end, so that a CI job can tell one thing from another.

0 passed, warnings too unless --strict; 1 the gate failed; 2 the command line or the policy file is
wrong; 3 the service refused or was not reached; 4 no verdict was possible.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

from cleantrace.cli.service import client_of
from cleantrace.client import Client, GateEvaluation
from cleantrace.client.errors import (
    ApiError,
    CleantraceError,
    Invalid,
    NotConfigured,
    NotFound,
)
from cleantrace.gates import PolicyFileInvalid

PASSED, FAILED, USAGE, SERVICE, NO_VERDICT = range(5)


@contextmanager
def connected_to_gates(context: typer.Context) -> Iterator[Client]:
    """As `connected`, with the exits of gates."""
    try:
        with client_of(context) as client:
            yield client
    except CleantraceError as error:
        end(error)


def end(error: CleantraceError) -> NoReturn:
    # What does not exist was named wrongly; a key that may not is the service's to say.
    is_usage = isinstance(error, PolicyFileInvalid | NotConfigured | NotFound | Invalid)
    text = str(error)
    if isinstance(error, ApiError) and error.status >= 500:
        text = f"the service answered {error.status}: {text}"
    typer.secho(f"cleantrace: {text}", err=True, fg=typer.colors.RED)
    raise typer.Exit(USAGE if is_usage else SERVICE)


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
