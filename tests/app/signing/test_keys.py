"""The installation's key: made once, kept encrypted, shown to nobody, changed when asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi.testclient import TestClient

from app.db import transaction
from app.settings import settings
from app.signing.__main__ import main
from app.signing.errors import SigningUnavailable
from app.signing.service import require_signer, rotate
from cleantrace.packs import verify_pack
from tests.app.exports.evidence_world import pack, public_keys, scanned
from tests.app.reviews.world import sql
from tests.support import post


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings that a test may change."""
    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


def sign(data: bytes) -> tuple[str, bytes]:
    with transaction() as db:
        signer = require_signer(db)
        return signer.key_id, signer.sign(data)


def test_whoever_asks_first_makes_it_and_all_sign_with_it(api: TestClient) -> None:
    assert public_keys(api) == []
    with ThreadPoolExecutor(8) as pool:
        signed = set(pool.map(lambda _: sign(b"same"), range(16)))
    assert len(signed) == 1
    [(key_id, signature)] = signed
    [key] = public_keys(api)
    assert (key["id"], key["retired_at"]) == (key_id, None)
    load_pem_public_key(key["public_key"].encode()).verify(signature, b"same")  # type: ignore[union-attr,call-arg]


def test_its_private_part_is_not_to_be_read(database: None) -> None:
    with transaction() as db:
        signer = require_signer(db)
    [(kept,)] = sql("SELECT private_key FROM signing_keys")
    assert kept.startswith("gAAAA")  # Fernet
    raw = signer._key.private_bytes_raw()
    for secret in (raw, base64.b64encode(raw), raw.hex().encode()):
        assert secret not in kept.encode()
        assert secret not in repr(signer).encode()
    assert repr(signer) == f"Signer({signer.key_id})"


def test_after_a_rotation_old_packs_verify(api: TestClient, data_dir: Path, tmp_path: Path) -> None:
    dataset = scanned(api, data_dir, 60)["dataset"]
    archives = [pack(api, dataset)[1]]
    [(old,)] = sql("SELECT id FROM signing_keys")
    with transaction() as db:
        new = rotate(db).id
    archives.append(pack(api, dataset)[1])
    keys = public_keys(api)
    assert [(key["id"], key["retired_at"] is None) for key in keys] == [(new, True), (old, False)]
    assert sql("SELECT id FROM signing_keys WHERE private_key IS NOT NULL") == [(new,)]
    for archive, by in zip(archives, (old, new), strict=True):
        path = tmp_path / f"{by}.zip"
        path.write_bytes(archive)
        assert verify_pack(path, [key["public_key"] for key in keys]).key_id == by
    only_new = verify_pack(tmp_path / f"{old}.zip", keys[0]["public_key"])
    assert [each.what for each in only_new.findings if not each.holds] == ["signature"]


def test_the_word_may_be_changed(database: None, words: pytest.MonkeyPatch) -> None:
    signed = sign(b"x")
    old, new = settings().evidence_keys[0], "another-word-that-is-just-as-long-as-the-old"
    words.setenv("CLEANTRACE_EVIDENCE_KEYS", f"{new},{old}")
    settings.cache_clear()
    assert sign(b"x") == signed
    words.setenv("CLEANTRACE_EVIDENCE_KEYS", new)
    settings.cache_clear()
    with pytest.raises(SigningUnavailable, match="CLEANTRACE_EVIDENCE_KEYS") as raised:
        sign(b"x")
    assert "rotate" in str(raised.value.remedy)
    with transaction() as db:
        rotate(db)
    assert sign(b"x") != signed


def test_without_a_word_there_is_no_evidence(
    api: TestClient, data_dir: Path, words: pytest.MonkeyPatch
) -> None:
    dataset: dict[str, Any] = scanned(api, data_dir, 60)["dataset"]
    words.delenv("CLEANTRACE_EVIDENCE_KEYS")
    settings.cache_clear()
    refused = post(api, "/exports", {"dataset_id": dataset["id"], "kind": "evidence"}, status=409)
    assert refused["title"] == "Signing not set up"
    assert "CLEANTRACE_EVIDENCE_KEYS" in refused["remedy"]
    assert public_keys(api) == []


def test_rotated_from_the_command_line(
    api: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(b"x")
    monkeypatch.setattr("sys.argv", ["app.signing", "rotate", "--json"])
    main()
    [now, _] = public_keys(api)
    assert json.loads(capsys.readouterr().out) == {
        "id": now["id"],
        "public_key": now["public_key"],
    }
