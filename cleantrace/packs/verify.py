"""Verifying a pack with nothing but a public key: no service, no network."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cleantrace.client.errors import CleantraceError
from cleantrace.packs import attestation
from cleantrace.packs.attestation import Envelope, Listed, Malformed
from cleantrace.packs.contents import FAULTS, Contents, PackUnreadable, contents_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_CHUNK = 1 << 20
_MOST_BYTES = 64 << 20
"""Of the attestation, which is read whole."""


class KeyUnreadable(CleantraceError):
    """A public key that is none."""


class CryptographyMissing(CleantraceError):
    """The package that knows Ed25519 is not installed."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and whether it holds."""

    holds: bool
    what: str
    """A file's name, or `signature`."""
    says: str


@dataclass(frozen=True)
class Verification:
    """What holds of a pack, and what does not.

    predicate: what the signed statement says of the pack; empty unless the signature holds.
    key_id: of the key whose signature holds.
    """

    findings: tuple[Finding, ...]
    predicate: Mapping[str, Any] = field(default_factory=dict)
    key_id: str | None = None

    @property
    def holds(self) -> bool:
        return all(each.holds for each in self.findings)


def verify_pack(path: str | os.PathLike[str], keys: str | bytes | Sequence[str]) -> Verification:
    """Whether a pack is what was signed: every file there, unchanged, and none beside them.

    Args:
        path: the archive, or the folder that it was unpacked to.
        keys: public keys to trust, as PEM: one text with any number of them, or several.
    Raises:
        PackUnreadable, KeyUnreadable, CryptographyMissing.
    """
    trusted = _read_keys(keys)
    with contents_of(Path(path)) as contents:
        if attestation.FILE not in contents.names:
            raise PackUnreadable(f"{path} is no evidence pack: it has no {attestation.FILE}.")
        try:
            with contents.open(attestation.FILE) as file:
                found = attestation.read_envelope(file.read(_MOST_BYTES))
        except FAULTS as error:
            return Verification((Finding(False, attestation.FILE, f"{error}"),))
        key_id, signature = _check_signature(found, trusted)
        try:
            listed, predicate = attestation.read_statement(found.payload)
        except Malformed as error:
            return Verification((signature, Finding(False, attestation.FILE, f"{error}")))
        files = tuple(_compare(contents, listed))
    return Verification((signature, *files), predicate if signature.holds else {}, key_id)


def _read_keys(keys: str | bytes | Sequence[str]) -> "dict[str, Ed25519PublicKey]":
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_public_key,
        )
    except ImportError as error:
        raise CryptographyMissing(
            "Verifying a signature needs a package that is not installed: pip install cryptography"
        ) from error
    texts = [keys] if isinstance(keys, str | bytes) else keys
    data = b"\n".join(each.encode() if isinstance(each, str) else each for each in texts)
    trusted = {}
    for pem in _PEM.findall(data):
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyUnreadable("A public key cannot be read: it is damaged.") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyUnreadable("A public key is not of the kind Ed25519.")
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        trusted[hashlib.sha256(der).hexdigest()] = key
    if not trusted:
        raise KeyUnreadable("There is no public key in PEM form (-----BEGIN PUBLIC KEY-----).")
    return trusted


def _check_signature(
    found: Envelope, trusted: "Mapping[str, Ed25519PublicKey]"
) -> tuple[str | None, Finding]:
    from cryptography.exceptions import InvalidSignature

    signed = attestation.signed_bytes(found.payload)
    # The id in an envelope is a hint that anybody may write: every trusted key is tried.
    for key_id, key in trusted.items():
        for _, signature in found.signatures:
            try:
                key.verify(signature, signed)
            except InvalidSignature:
                continue
            return key_id, Finding(True, "signature", f"made with the key {key_id}")
    named = {key_id for key_id, _ in found.signatures}
    if named & set(trusted):
        says = "does not hold: the attestation was changed after it was signed"
    else:
        says = (
            f"is of another key: {', '.join(sorted(named)) or 'none'}, "
            f"not {', '.join(sorted(trusted))}"
        )
    return None, Finding(False, "signature", says)


def _compare(contents: Contents, listed: Sequence[Listed]) -> Iterator[Finding]:
    for each in listed:
        yield _compare_file(contents, each)
    expected = {attestation.FILE, *(each.name for each in listed)}
    for name, times in sorted(contents.names.items()):
        if name not in expected:
            yield Finding(False, name, "was added: it is not among the files that were signed")
        elif times > 1:
            yield Finding(False, name, f"is in the archive {times} times")


def _compare_file(contents: Contents, listed: Listed) -> Finding:
    if listed.name not in contents.names:
        return Finding(False, listed.name, "is missing")
    digest, size = hashlib.sha256(), 0
    try:
        with contents.open(listed.name) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except FAULTS as error:
        return Finding(False, listed.name, f"cannot be read: {error}")
    if size != listed.size:
        return Finding(False, listed.name, f"was changed: {size} bytes, not {listed.size}")
    if digest.hexdigest() != listed.sha256:
        says = f"was changed: its SHA-256 is {digest.hexdigest()}, not {listed.sha256}"
        return Finding(False, listed.name, says)
    return Finding(True, listed.name, f"{size:,} bytes, SHA-256 {listed.sha256}")
