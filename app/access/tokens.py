"""Values that open something: keys, links, cookies.

They are 256-bit random values; only their SHA-256 is stored. Values of that entropy need no slow
hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
