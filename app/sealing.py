"""Secrets that must be read again, kept encrypted (Fernet: AES-128-CBC with HMAC-SHA256).

The words that they are encrypted with are in the service's settings and not in the database:
whoever has a copy of the database alone can forge nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

__all__ = ["InvalidToken", "box"]


def box(words: Sequence[str]) -> MultiFernet:
    """What encrypts with the first of the words, and decrypts with any.

    Args:
        words: long and random, at least one.
    """
    # As they are long and random, a plain hash brings them to Fernet's form.
    digests = (hashlib.sha256(word.encode()).digest() for word in words)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
