"""Secrets of endpoints, and signatures as the Standard Webhooks specification has them.

A receiver's secret must be readable to sign with, so a hash will not do. It is kept encrypted (see
`app/sealing.py`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from cryptography.fernet import MultiFernet

from app.sealing import InvalidToken, box
from app.settings import settings
from app.webhooks.errors import WebhooksUnavailable

SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret, but how secrets begin


class SecretUnreadable(Exception):
    """The settings no longer hold the key that this secret was encrypted with."""


def new_secret() -> str:
    """256 random bits, as receivers' libraries take them."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sealed(secret: str) -> str:
    """Encrypted, to be kept. Raises WebhooksUnavailable: there is no key to encrypt with."""
    return _box().encrypt(secret.encode()).decode()


def unsealed(kept: str) -> str:
    """Raises SecretUnreadable."""
    try:
        return _box().decrypt(kept.encode()).decode()
    except (InvalidToken, WebhooksUnavailable) as error:
        raise SecretUnreadable from error


def require_keys() -> None:
    """Raises WebhooksUnavailable."""
    if not settings().webhook_keys:
        raise WebhooksUnavailable(
            "This service has no key to keep webhooks' secrets with.",
            remedy="Its operator sets CLEANTRACE_WEBHOOK_KEYS: openssl rand -hex 32.",
        )


def _box() -> MultiFernet:
    require_keys()
    return box(settings().webhook_keys)


def signed_headers(
    message_id: str, timestamp_s: int, body: bytes, signing: Iterable[str]
) -> dict[str, str]:
    """The three headers by which a receiver knows us.

    Args:
        timestamp_s: now, in Unix seconds.
        signing: secrets in use, each of which signs.
    """
    content = f"{message_id}.{timestamp_s}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{_signature(secret, content)}" for secret in signing),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
