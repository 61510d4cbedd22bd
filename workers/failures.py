"""What a job stores when it fails: a problem document, never a stack trace."""

from __future__ import annotations

from typing import Any

from app.errors import ProblemError


def failure_of(error: Exception, doing: str) -> dict[str, Any]:
    """The stored reason of a failure.

    Args:
        error: what was raised. A `ProblemError` speaks for itself.
        doing: what failed, such as "Indexing".
    """
    if isinstance(error, ProblemError):
        return error.as_problem()
    text = str(error).strip().splitlines()
    cause = f"{type(error).__name__}: {text[0][:500]}" if text else type(error).__name__
    return {
        "type": "urn:cleantrace:problem:job-failed",
        "title": f"{doing} failed",
        "status": 500,
        "detail": f"{doing} failed: {cause}",
        "remedy": "The worker's log has the whole cause. Mend it and retry.",
    }


def is_final(error: Exception, attempts: int, max_attempts: int) -> bool:
    """Whether another try is pointless: what the user must mend stays wrong by itself."""
    return isinstance(error, ProblemError) or attempts >= max_attempts
