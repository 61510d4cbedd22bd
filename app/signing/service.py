"""Making the installation's key, signing with it, and changing it for another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from sqlalchemy.orm import Session

from app.sealing import InvalidToken, box
from app.settings import settings
from app.signing import queries
from app.signing.errors import SigningUnavailable
from app.signing.models import SigningKey


@dataclass(frozen=True)
class Signer:
    """The key that signs now. It is never printed: only what it signs leaves this object."""

    key_id: str
    _key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"

    def sign(self, data: bytes) -> bytes:
        """64 bytes; the same data always give the same."""
        return self._key.sign(data)


def require_signer(db: Session) -> Signer:
    """The key that signs now; made if there is none yet, by whoever asks first.

    Raises:
        SigningUnavailable: there is nothing to keep a key with, or it cannot be read any more.
    """
    _require_words()
    key = queries.active(db)
    if key is None:
        queries.hold(db)
        key = queries.active(db) or _made(db)
    return _signer(key)


def rotate(db: Session) -> SigningKey:
    """Sign with a new key from now on. What the old one signed can be verified as before.

    Raises:
        SigningUnavailable: there is nothing to keep a key with.
    """
    _require_words()
    queries.hold(db)
    queries.retire(db)
    return _made(db)


def public_keys(db: Session) -> Sequence[SigningKey]:
    """The one that signs now first, if there is one, then those retired."""
    return queries.keys(db)


def _made(db: Session) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key = SigningKey(
        id=hashlib.sha256(der).hexdigest(),
        public_key=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        private_key=box(settings().evidence_keys).encrypt(secret).decode(),
    )
    db.add(key)
    db.flush()
    return key


def _signer(key: SigningKey) -> Signer:
    assert key.private_key is not None, "the key that signs has its private part"
    try:
        secret = box(settings().evidence_keys).decrypt(key.private_key.encode())
    except InvalidToken as error:
        raise SigningUnavailable(
            "The signing key cannot be read with any of the words in CLEANTRACE_EVIDENCE_KEYS.",
            remedy="Its operator adds the word that it was encrypted with, or makes a new key: "
            "cleantrace signing-keys rotate.",
        ) from error
    private = load_der_private_key(secret, None)
    assert isinstance(private, Ed25519PrivateKey)
    return Signer(key.id, private)


def _require_words() -> None:
    if not settings().evidence_keys:
        raise SigningUnavailable(
            "This service has nothing to keep a signing key with.",
            remedy="Its operator sets CLEANTRACE_EVIDENCE_KEYS: openssl rand -hex 32.",
        )
