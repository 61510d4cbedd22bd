"""What a blind review plants is not taken out, and what it found is not told to its reviewers."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.reviews import mixing
from tests.app.exports.test_patch import texts
from tests.app.exports.world import export, lines, register, review
from tests.app.reviews import mixed
from tests.app.reviews.world import Person
from tests.support import LAB, get


def test_canaries_are_not_exported_and_reviewers_do_not_see_what_is(
    api: TestClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "CHANCE", mixed.Always(5))
    dataset = register(api, texts(data_dir, 20), "csv")
    review(api, dataset, dict.fromkeys(range(12), "right"))
    scan = get(api, "/scans", dataset_id=dataset["id"])["items"][0]["id"]
    keys = {"kind": "keys", "keys": ["k18", "k19"]}
    queue = mixed.queue_of(api, scan, policy=keys, canaries=3)
    ada = Person(api)
    while item := ada.next(queue):
        is_canary = mixed.roles_of(queue)[item["position"]] == "canary"
        # Whoever notices says what it should be: the label that it has in truth.
        own = "ab"[item["position"] % 2]
        kind, label = ("relabel", own) if is_canary else ("unusable", None)
        ada.decide(queue, item["position"], kind, label=label)
    assert sorted(mixed.roles_of(queue).values()) == ["canary"] * 3 + ["flag"] * 2
    made = export(api, dataset)
    assert [(each["key"], each["action"]) for each in lines(api, made)] == [
        ("k18", "remove"),
        ("k19", "remove"),
    ]
    assert get(api, f"/exports/{made['id']}/card")["counts"]["right"] == 12
    for path in ("", "/card", "/files/0"):
        assert ada.client.get(f"{LAB}/exports/{made['id']}{path}").status_code == 403
    assert ada.client.get(f"{LAB}/exports").json()["items"] == []
    api.post(f"{LAB}/queues/{queue}/close")
    assert ada.client.get(f"{LAB}/exports/{made['id']}").status_code == 200
