"""How often sign-in may be tried.

Each attempt takes one from a bucket that fills again with time: one bucket for the address, one
for the account. The account's bucket counts whether or not there is such an account. Whoever is
locked out by the attempts of others waits seconds, not for ever, and not at all in a browser that
signed in before: its attempts have a bucket of their own.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import limit_queries, people_queries
from app.access.errors import TooManyAttempts
from app.access.tokens import token_hash
from app.access.visitor import Visitor
from app.db import now


@dataclass(frozen=True)
class Allowance:
    attempts: int
    refill: timedelta
    """Until one attempt more is back."""


ADDRESS = Allowance(30, timedelta(seconds=5))
ACCOUNT = Allowance(10, timedelta(seconds=30))


@dataclass(frozen=True)
class Attempt:
    """The buckets that one attempt takes from."""

    buckets: tuple[tuple[str, Allowance], ...]


def attempt_by_key(visitor: Visitor) -> Attempt:
    """A key cannot be guessed; only the address is counted, to keep the noise down."""
    return Attempt(((f"address {visitor.address}", ADDRESS),))


def attempt_by_password(db: Session, email: str, visitor: Visitor) -> Attempt:
    account = hashlib.sha256(email.encode()).hexdigest()
    if visitor.device and people_queries.knows_device(db, email, token_hash(visitor.device)):
        account = f"{account} {token_hash(visitor.device)}"
    return Attempt(
        ((f"account {account}", ACCOUNT), (f"address {visitor.address}", ADDRESS)),
    )


def attempt_to_change(principal_id: UUID) -> Attempt:
    """A guess at the current password by whoever holds a session."""
    return Attempt(((f"change {principal_id}", ACCOUNT),))


def spend(db: Session, attempt: Attempt) -> None:
    """Count an attempt, before it is known how it ends; commit before looking.

    Raises:
        TooManyAttempts: a bucket is empty; says in how many seconds one attempt is back.
    """
    at = now()
    limit_queries.drop_full_buckets(db, at)
    for name, allowance in attempt.buckets:
        wait = limit_queries.take(db, name, allowance.attempts, allowance.refill, at)
        if wait is not None:
            seconds = max(1, math.ceil(wait.total_seconds()))
            raise TooManyAttempts(
                f"There were too many attempts to sign in; the next is possible in {seconds} s.",
                remedy="Wait, then try again. A browser that signed in here before is not "
                "held up by the attempts of others.",
                retry_after_s=seconds,
            )


def give_back(db: Session, attempt: Attempt) -> None:
    """The attempt succeeded: it does not count."""
    for name, allowance in attempt.buckets:
        limit_queries.put_back(db, name, allowance.refill)
