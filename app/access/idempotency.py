"""`Idempotency-Key` on POST and PUT: a repeat of an answered request gets the first answer.

The key is claimed in the transaction of the work itself. So either both are there or neither,
and a repeat after a crash, a lost answer or a second click can never do the work twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.access import queries
from app.access.errors import IdempotencyKeyInvalid, IdempotencyKeyReused
from app.access.service import Caller
from app.errors import raises

_MAX_LENGTH = 255
Out = TypeVar("Out", bound=BaseModel)


class Once:
    """Runs a request's work once per `Idempotency-Key`; without the header, simply runs it."""

    def __init__(self, response: Response, key: str | None, request_hash: str) -> None:
        self._response = response
        self._key = key
        self._request_hash = request_hash

    def run(self, db: Session, caller: Caller, out: type[Out], work: Callable[[], Out]) -> Out:
        """Raises IdempotencyKeyReused: the key was used for another request before."""
        if self._key is None:
            return work()
        if not queries.begin_idempotent_request(
            db, caller.project_id, self._key, self._request_hash
        ):
            return self._replay(db, caller, out)
        result = work()
        queries.finish_idempotent_request(
            db, caller.project_id, self._key, result.model_dump(mode="json")
        )
        return result

    def _replay(self, db: Session, caller: Caller, out: type[Out]) -> Out:
        assert self._key is not None
        earlier = queries.idempotent_request(db, caller.project_id, self._key)
        if earlier is None or earlier.request_hash != self._request_hash or earlier.body is None:
            raise IdempotencyKeyReused(
                "This Idempotency-Key was used before for another request.",
                field="Idempotency-Key",
                remedy="Use a new key for each new request, and the same only to repeat one.",
            )
        self._response.headers["Idempotency-Replayed"] = "true"
        return out.model_validate(earlier.body)


@raises(IdempotencyKeyInvalid, IdempotencyKeyReused)
async def _once(
    request: Request,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(description="Any value of your own: a repeat with the same value changes nothing."),
    ] = None,
) -> Once:
    if idempotency_key is not None and not 0 < len(idempotency_key) <= _MAX_LENGTH:
        raise IdempotencyKeyInvalid(
            f"An Idempotency-Key has 1 to {_MAX_LENGTH} characters.",
            field="Idempotency-Key",
            remedy="Use a random UUID.",
        )
    body = await request.body()
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()
    return Once(response, idempotency_key, digest)


OnceOnly = Annotated[Once, Depends(_once)]
