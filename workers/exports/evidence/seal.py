"""Signing a pack, and putting it into one archive."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.artifacts import ArtifactStore
from app.signing.service import Signer
from cleantrace.packs import attestation
from workers.exports.evidence.files import HOLDS

_READ_BYTES = 1 << 20
_READABLE = 0o644 << 16
_UNIX = 3


def attestation_of(
    files: Sequence[Mapping[str, Any]], predicate: Mapping[str, Any], signer: Signer
) -> bytes:
    """The envelope. Ed25519 is deterministic: the same files and key give the same bytes."""
    subject = [
        {
            "name": file["name"],
            "digest": {"sha256": file["sha256"]},
            "mediaType": file["media_type"],
            "annotations": {
                "size": file["bytes"],
                "rows": file["rows"],
                "holds": HOLDS[file["name"]],
            },
        }
        for file in files
    ]
    payload = attestation.statement(subject, predicate)
    signature = signer.sign(attestation.signed_bytes(payload))
    return attestation.envelope(payload, signer.key_id, signature)


def write_archive(
    path: Path,
    envelope: bytes,
    files: Sequence[Mapping[str, Any]],
    artifacts: ArtifactStore,
    check: Callable[[], None],
) -> None:
    """A ZIP of them, stored: what compresses well is compressed already.

    Without times, and without a compression whose bytes depend on a library's version.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(attestation.FILE, len(envelope)), envelope)
        for file in files:
            source = artifacts.local_path(file["artifact"])
            with (
                source.open("rb") as opened,
                archive.open(_entry(file["name"], file["bytes"]), "w") as target,
            ):
                while chunk := opened.read(_READ_BYTES):
                    check()
                    target.write(chunk)


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980, the first moment that the form has
    entry.create_system = _UNIX
    entry.external_attr = _READABLE
    entry.file_size = size
    return entry
