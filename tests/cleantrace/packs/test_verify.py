"""Packs that were tampered with, in each way there is; no service is asked."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import stat
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from cleantrace.packs import (
    CryptographyMissing,
    KeyUnreadable,
    PackUnreadable,
    Verification,
    attestation,
    verify_pack,
)

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([each] * 32)) for each in (1, 2))
FILES = {"a.parquet": b"PAR1" * 100, "b.json": b"{}\n", "empty.jsonl": b""}
PREDICATE = {"dataset": {"name": "digits", "version": "3", "examples": 9}}


def pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def id_of(key: Ed25519PrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def signed(files: dict[str, bytes] = FILES, key: Ed25519PrivateKey = KEY) -> bytes:
    subject = [
        {
            "name": name,
            "digest": {"sha256": hashlib.sha256(data).hexdigest()},
            "annotations": {"size": len(data)},
        }
        for name, data in files.items()
    ]
    payload = attestation.statement(subject, PREDICATE)
    return attestation.envelope(payload, id_of(key), key.sign(attestation.signed_bytes(payload)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "pack")


def write(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    (folder / attestation.FILE).write_bytes(signed())
    return folder


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return path


def failures(found: Verification) -> dict[str, str]:
    assert found.holds == all(each.holds for each in found.findings)
    return {each.what: each.says for each in found.findings if not each.holds}


def test_what_nobody_touched_holds(folder: Path) -> None:
    for path in (folder, zipped(folder)):
        found = verify_pack(path, [pem(OTHER), pem(KEY)])
        assert (found.holds, found.key_id) == (True, id_of(KEY))
        assert found.predicate == PREDICATE
        assert [each.what for each in found.findings] == ["signature", *FILES]


def _replaced(folder: Path, **changes: object) -> None:
    path = folder / attestation.FILE
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


def _payload_changed(folder: Path) -> None:
    found = attestation.read_envelope((folder / attestation.FILE).read_bytes())
    payload = found.payload.replace(b'"examples": 9', b'"examples": 8')
    _replaced(folder, payload=base64.b64encode(payload).decode())


def _signed_by_another(folder: Path) -> None:
    (folder / attestation.FILE).write_bytes(signed(key=OTHER))


def _signed_by_another_with_our_id(folder: Path) -> None:
    forged = signed(key=OTHER).replace(id_of(OTHER).encode(), id_of(KEY).encode())
    (folder / attestation.FILE).write_bytes(forged)


@pytest.mark.parametrize(
    ("tamper", "what", "says"),
    [
        (lambda f: (f / "b.json").write_bytes(b"[]\n"), "b.json", "its SHA-256 is"),
        (lambda f: (f / "b.json").write_bytes(b"{ }\n"), "b.json", "4 bytes, not 3"),
        (lambda f: (f / "a.parquet").unlink(), "a.parquet", "is missing"),
        (lambda f: (f / "a.parquet").rename(f / "c"), "a.parquet", "is missing"),
        (lambda f: (f / "more.html").write_bytes(b""), "more.html", "was added"),
        (lambda f: (f / "sub").mkdir() or (f / "sub/b.json").touch(), "sub/b.json", "was added"),
        (_payload_changed, "signature", "the attestation was changed"),
        (_signed_by_another, "signature", f"is of another key: {id_of(OTHER)}"),
        (_signed_by_another_with_our_id, "signature", "does not hold"),
        (lambda f: _replaced(f, signatures=[]), "signature", "another key: none"),
        (lambda f: _replaced(f, payloadType="text/plain"), attestation.FILE, "another type"),
        (lambda f: _replaced(f, payload="%"), attestation.FILE, "no DSSE|not a DSSE"),
        (lambda f: (f / attestation.FILE).write_bytes(b"{}"), attestation.FILE, "not a DSSE"),
        (lambda f: (f / attestation.FILE).write_bytes(b"[" * 9999), attestation.FILE, "not a DSSE"),
    ],
)
def test_each_kind_of_tampering_is_found(
    folder: Path, tamper: Callable[[Path], object], what: str, says: str
) -> None:
    tamper(folder)
    for path in (folder, zipped(folder)):
        found = verify_pack(path, pem(KEY))
        assert not found.holds
        told = failures(found)
        assert what in told
        assert any(part in told[what] for part in says.split("|")), told
        if what == "signature":
            assert found.predicate == {}
            assert found.key_id is None


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_changed_byte_passes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = write(tmp_path_factory.getbasetemp() / "flipped")
    name = data.draw(st.sampled_from(["a.parquet", "b.json", attestation.FILE]))
    content = bytearray((folder / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(content)
    found = verify_pack(folder, pem(KEY))
    if name == attestation.FILE:
        # What is signed is the payload: around it a key's id, or white space, may be another.
        whole = attestation.read_envelope(signed())
        assert not found.holds or attestation.read_envelope(bytes(content)).payload == whole.payload
    else:
        assert name in failures(found)


def test_an_archive_with_a_name_twice_is_refused(folder: Path) -> None:
    path = zipped(folder)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.json", FILES["b.json"])
    assert failures(verify_pack(path, pem(KEY))) == {"b.json": "is in the archive 2 times"}


def test_a_damaged_archive_is_told(folder: Path) -> None:
    path = zipped(folder)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"PAR1PAR1", b"PAR1PARX", 1))
    assert "a.parquet" in failures(verify_pack(path, pem(KEY)))
    path.write_bytes(whole[:200])
    with pytest.raises(PackUnreadable, match="neither a folder nor a ZIP"):
        verify_pack(path, pem(KEY))


@given(at=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_no_damage_to_an_archive_passes_or_crashes(
    at: float, bits: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = zipped(write(tmp_path_factory.getbasetemp() / "damaged"))
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= bits
    path.write_bytes(content)
    try:
        found = verify_pack(path, pem(KEY))
    except PackUnreadable:
        return
    if found.holds:
        with zipfile.ZipFile(path) as archive:
            assert {name: archive.read(name) for name in FILES} == FILES


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_entry_that_goes_on_after_its_end_is_refused(folder: Path, compression: int) -> None:
    """Python reads as much as the directory says, unzip all there is; a CRC-32 is easily forged."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / attestation.FILE, attestation.FILE)
        for name, data in FILES.items():
            archive.writestr(name, data + b"more", compression)
            entry = archive.getinfo(name)
            entry.file_size, entry.CRC = len(data), zlib.crc32(data)
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in FILES} == FILES
    assert failures(verify_pack(path, pem(KEY))).keys() == FILES.keys()


def test_links_and_pipes_are_refused(folder: Path) -> None:
    (folder / "b.json").unlink()
    path = zipped(folder)
    entry = zipfile.ZipInfo("b.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, FILES["b.json"])
    assert failures(verify_pack(path, pem(KEY))).keys() == {"b.json"}
    write(folder)
    (folder / "b.json").rename(folder.parent / "b.json")
    (folder / "b.json").symlink_to(folder.parent / "b.json")
    (folder / "empty.jsonl").unlink()
    os.mkfifo(folder / "empty.jsonl")
    (folder / "more").symlink_to("/")
    told = failures(verify_pack(folder, pem(KEY)))
    assert told.keys() == {"b.json", "empty.jsonl", "more"}
    assert "it is a link" in told["b.json"]


def test_what_cannot_be_verified_says_why(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PackUnreadable, match="There is no"):
        verify_pack(tmp_path / "nothing.zip", pem(KEY))
    with pytest.raises(PackUnreadable, match="has no attestation"):
        verify_pack(tmp_path, pem(KEY))
    for keys, says in (
        ("", "no public key"),
        (pem(KEY).replace("MC", "XX"), "damaged"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "Ed25519"),
    ):
        with pytest.raises(KeyUnreadable, match=says):
            verify_pack(folder, keys)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(CryptographyMissing, match="pip install cryptography"):
        verify_pack(folder, pem(KEY))
