"""What an answer of the service says, or what it says of whatever answered."""

import ipaddress
from typing import Any

import httpx

from cleantrace.client.errors import AnswerNotUnderstood, ApiError
from cleantrace.client.problems import api_error

# Gateways and our own API say with these that nothing was done, or that a repeat may help.
PASSING = frozenset({429, 502, 503, 504})


def content(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise refusal(answer)
    try:
        return answer.json()
    except ValueError as error:
        raise _not_ours(answer) from error


def refusal(answer: httpx.Response) -> ApiError | AnswerNotUnderstood:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and "detail" in problem:
        return api_error(answer.status_code, problem)
    if answer.status_code in PASSING:
        detail = f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}."
        return api_error(answer.status_code, {"detail": detail, "remedy": "Try again later."})
    return _not_ours(answer)


def _not_ours(answer: httpx.Response) -> AnswerNotUnderstood:
    return AnswerNotUnderstood(
        f"{answer.request.url} answered {answer.status_code}, but not as this API does. Check the "
        "URL: it is that of the service, without /api."
    )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
