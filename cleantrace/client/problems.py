"""From a problem document to the error that says it best."""

from collections.abc import Mapping
from typing import Any

from cleantrace.client import room_errors  # so that its kinds are known
from cleantrace.client.errors import (
    ApiError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ServiceError,
    TooManyRequests,
)

__all__ = ["api_error", "room_errors"]

_TYPE_PREFIX = "urn:cleantrace:problem:"

_BY_STATUS: dict[int, type[ApiError]] = {
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: TooManyRequests,
}


def _below(kind: type[ApiError]) -> dict[str, type[ApiError]]:
    found = {kind.code: kind} if kind.code else {}
    for each in kind.__subclasses__():
        found |= _below(each)
    return found


_BY_CODE = _below(ApiError)


def api_error(status: int, problem: Mapping[str, Any]) -> ApiError:
    """The error for a problem document, of the most telling class there is."""
    code = str(problem.get("type", "")).removeprefix(_TYPE_PREFIX)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        kind = ServiceError if status >= 500 else ApiError
    return kind(status, problem)
