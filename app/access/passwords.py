"""Passwords: what is accepted, how they are kept, how they are compared."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.access.errors import PersonInvalid

SHORTEST, LONGEST = 10, 200
_hasher = PasswordHasher()  # the library's own choice of cost, which rises with its releases
# A comparison takes 64 MiB for a moment: many sign-ins at once wait rather than fill the memory.
_few_at_once = threading.BoundedSemaphore(4)


def hash_password(password: str, *, name: str = "", email: str = "") -> str:
    """The hash to keep.

    Raises:
        PersonInvalid: too short, too long, or no more than the person's name or address.
    """
    normal = _normal(password)
    if not SHORTEST <= len(normal) <= LONGEST:
        raise PersonInvalid(
            f"A password has {SHORTEST} to {LONGEST} characters.",
            field="password",
            remedy="A few words in a row are long and easy to keep in mind.",
        )
    if len(set(normal)) < 4 or normal.casefold() in {name.casefold(), email.casefold()}:
        raise PersonInvalid(
            "This password is too easy to guess.",
            field="password",
            remedy="Take a few words that do not belong together.",
        )
    with _few_at_once:
        return _hasher.hash(normal)


def matches(password: str, stored: str | None) -> bool:
    """Whether the password is the one whose hash is stored.

    Without a stored hash the work is done all the same, so that the time it takes does not tell
    whether there is an account.
    """
    normal = _normal(password[: LONGEST + 1])
    with _few_at_once:
        try:
            _hasher.verify(stored or _decoy(), normal)
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made at another cost than is usual now."""
    return _hasher.check_needs_rehash(stored)


def rehash(password: str) -> str:
    """A new hash of a password that was accepted before, whatever is asked of new ones now."""
    with _few_at_once:
        return _hasher.hash(_normal(password))


def _normal(password: str) -> str:
    # The same letters from another keyboard may be other code points.
    return unicodedata.normalize("NFC", password)


@cache
def _decoy() -> str:
    return _hasher.hash("nobody's password")
