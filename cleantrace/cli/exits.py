"""How every command ends, so that a script can tell one thing from another.

0 done, or passed; 1 the gate failed, or a job that was waited for; 2 the command line, a policy
file or the configuration is wrong; 3 the service refused or was not reached; 4 no verdict is
possible, as of a job that is not over when the time is.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from cleantrace.client.errors import (
    AnswerNotUnderstood,
    ApiError,
    CleantraceError,
    ConnectionFailed,
    DownloadDamaged,
    Invalid,
    JobFailed,
    NotFound,
    WaitTimedOut,
)

PASSED, FAILED, USAGE, SERVICE, NO_VERDICT = range(5)


@contextmanager
def ending_as_told() -> Iterator[None]:
    """An error of the client, or of a file here, becomes its message and its exit status."""
    try:
        yield
    except CleantraceError as error:
        end(error)
    except BrokenPipeError:
        raise  # nobody reads any more
    except OSError as error:
        fail(str(error), USAGE)


def end(error: CleantraceError) -> NoReturn:
    if not isinstance(error, ApiError):
        fail(str(error), _status_of(error))
    prefix = f"the service answered {error.status}: " if error.status >= 500 else ""
    fields = [
        f"  {each.field}: {each.message}" for each in error.errors if each.message != error.detail
    ]
    lines = [prefix + error.detail, *fields, *filter(None, [error.remedy])]
    fail("\n".join(lines), _status_of(error))


def _status_of(error: CleantraceError) -> int:
    match error:
        # What does not exist was named wrongly; a key that may not is the service's to say.
        case NotFound() | Invalid():
            return USAGE
        case ApiError() | ConnectionFailed() | AnswerNotUnderstood() | DownloadDamaged():
            return SERVICE
        case JobFailed():
            return FAILED
        case WaitTimedOut():
            return NO_VERDICT
    return USAGE


def fail(message: str, status: int) -> NoReturn:
    """Print the reason on the error stream and end."""
    complain(message)
    raise typer.Exit(status)


def complain(message: str, colour: str = typer.colors.RED) -> None:
    """Say on the error stream what is wrong; in colour where a terminal wants it."""
    plain = False if os.environ.get("NO_COLOR") else None
    # It may hold names and keys, which are other people's.
    lines = "\n".join(harmless(line) for line in message.split("\n"))
    typer.secho(f"cleantrace: {lines}", err=True, fg=colour, color=plain)


def harmless(text: object) -> str:
    """Nothing in it means something to a terminal. Whole, and with its spaces as they are."""
    from cleantrace.reports.escaping import written_out

    return written_out(str(text))
