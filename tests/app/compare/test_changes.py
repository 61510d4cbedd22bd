"""What changed between two versions of a dataset, against the rows they were made of."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from app.compare import queries
from app.compare.joining import joined
from app.datasets.queries import dataset_by_id
from app.db import reading
from tests.app.compare.world import Rows, changed, corrected, plain_rows, version
from tests.app.exports.world import decide, export, queue_of, ready, review
from tests.app.reviews.world import Person
from tests.support import LAB, get


def edited(rows: Rows, dice: random.Random, labels: str) -> Rows:
    """Rows taken out, added, with another label, another text, or both; all in a new order."""
    kept: Rows = {}
    for key, (old_text, old_label) in rows.items():
        fate = dice.random()
        text = f"{old_text}!" if 0.1 < fate < 0.3 else old_text
        label = dice.choice(labels) if 0.2 < fate < 0.5 else old_label
        if fate >= 0.1:
            kept[key] = (text, label)
    kept |= {f"new{i}": (f"fresh {i}", dice.choice(labels)) for i in range(dice.randrange(9))}
    return dict(dice.sample(list(kept.items()), len(kept)))


def expected(was: Rows, now: Rows) -> list[tuple[str, set[str], Any, Any]]:
    """Key, kinds, old and new label; in the order of the version, those removed last."""
    found = []
    for key, (text, label) in now.items():
        if key not in was:
            found.append((key, {"added"}, None, label))
        else:
            kinds = {"relabelled"} if was[key][1] != label else set()
            kinds |= {"content"} if was[key][0] != text else set()
            if kinds:
                found.append((key, kinds, was[key][1], label))
    found += [(key, {"removed"}, label, None) for key, (_, label) in was.items() if key not in now]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_tells_what_is_not_as_it_was(
    api: TestClient, data_dir: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_IN_A_BLOCK", 7)
    dice, name = random.Random(seed), str(uuid4())
    rows = plain_rows(40)
    # Other classes, and known ones at other indices.
    later = edited(rows, dice, "abcz")
    was = version(api, data_dir, rows, name, "1", classes=["c", "b", "a"])
    now = version(api, data_dir, later, name, "2", classes=["z", "a", "b", "c"])
    wanted = expected(rows, later)
    found = changed(api, now, limit=3, since=was["id"])
    assert [
        (each["key"], set(each["kinds"]), each["label_before"], each["label"]) for each in found
    ] == wanted
    for each in found:
        for field, table in (("position", later), ("position_before", rows)):
            key = each["key"]
            assert each[field] == (list(table).index(key) if key in table else None)
        assert each["origin"] is None
    told = get(api, f"/datasets/{now['id']}/changes", since=was["id"])
    counts = told["counts"]
    for kind in ("added", "removed", "relabelled", "content"):
        of_kind = [each[0] for each in wanted if kind in each[1]]
        assert counts[kind] == len(of_kind)
        only = changed(api, now, limit=4, since=was["id"], kind=kind)
        assert [each["key"] for each in only] == of_kind
    assert counts["unchanged"] == sum(rows.get(key) == value for key, value in later.items())
    assert (counts["before"], counts["after"]) == (40, len(later))
    assert sum(pair["count"] for pair in told["relabelled"]) == counts["relabelled"]
    assert told["pair_count"] == len(told["relabelled"])
    for pair in told["relabelled"]:
        cell = {"since": was["id"], "kind": "relabelled", "old": pair["old"], "new": pair["new"]}
        assert len(changed(api, now, **cell)) == pair["count"]
    for row in told["classes"]:
        assert row["before"] == sum(label == row["label"] for _, label in rows.values())
        assert row["after"] == sum(label == row["label"] for _, label in later.values())
        came, went = row["added"] + row["gained"], row["removed"] + row["lost"]
        assert row["before"] + came - went == row["after"]
    assert told["exports"] == []
    # The other way round, what was added is what was removed.
    back = get(api, f"/datasets/{was['id']}/changes", since=now["id"])["counts"]
    assert (back["added"], back["removed"]) == (counts["removed"], counts["added"])
    nothing = get(api, f"/datasets/{now['id']}/changes", since=now["id"])["counts"]
    assert nothing["unchanged"] == nothing["before"] == nothing["after"]


def test_no_block_is_longer_whatever_was_removed(
    api: TestClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_IN_A_BLOCK", 7)
    name = str(uuid4())
    was = version(api, data_dir, plain_rows(40), name, "1")
    now = version(api, data_dir, plain_rows(3), name, "2")
    with reading() as db:
        both: list[Any] = [dataset_by_id(db, UUID(each["id"])) for each in (now, was)]
        sizes = [len(block.now) for block in joined(db, *both)]
    assert (max(sizes), sum(sizes)) == (7, 40)


def test_a_correction_says_who_decided_it_when_and_why(api: TestClient, data_dir: Path) -> None:
    was = version(api, data_dir, plain_rows(12), str(uuid4()), "1")
    queue = queue_of(api, was, name="first look")
    ada = Person(api)
    decide(ada, queue, {3: "b"}, comment="plainly b")
    decide(ada, queue, {4: "unusable", 5: "right"})
    now = corrected(api, was, "2")
    # Without a version named it is the parent.
    told = get(api, f"/datasets/{now['id']}/changes")
    assert told["since"]["id"] == was["id"]
    assert {name: told["counts"][name] for name in ("relabelled", "removed", "unchanged")} == {
        "relabelled": 1,
        "removed": 1,
        "unchanged": 10,
    }
    assert told["relabelled"] == [{"old": "a", "new": "b", "count": 1}]
    assert [each["version"] for each in told["exports"]] == ["2"]
    relabelled, removed = changed(api, now, limit=1)
    history = {each["position"]: each for each in ada.history(queue)}
    assert relabelled["key"] == "k3"
    assert relabelled["origin"] == {
        "export_id": now["export_id"],
        "queue_id": queue,
        "queue": "first look",
        "who": "test",
        "at": relabelled["origin"]["at"],
        "why": "plainly b",
        "decided_by": "consensus",
    }
    assert relabelled["origin"]["at"][:19] == history[3]["at"][:19]
    assert (removed["key"], removed["position"], removed["label"]) == ("k4", None, None)
    assert removed["origin"]["why"] is None
    # Seen from the other side it is no correction.
    assert [each["origin"] for each in changed(api, was, since=now["id"])] == [None, None]
    # What is decided anew is not why the version is as it is.
    decide(ada, queue, {3: "c"})
    assert changed(api, now)[0]["origin"] is None


def test_over_several_versions_each_change_has_its_own_export(
    api: TestClient, data_dir: Path
) -> None:
    first = version(api, data_dir, plain_rows(12), str(uuid4()), "1")
    review(api, first, {0: "unusable", 3: "b", 6: "b"}, name="early")
    second = corrected(api, first, "2")
    # One position less: the first was removed.
    review(api, second, {5: "c", 8: "unusable"}, name="late")
    third = corrected(api, second, "3")
    told = get(api, f"/datasets/{third['id']}/changes", since=first["id"])
    assert [each["version"] for each in told["exports"]] == ["3", "2"]
    found = {each["key"]: each for each in changed(api, third, since=first["id"])}
    assert {
        key: (each["label_before"], each["label"], each["origin"]["queue"])
        for key, each in found.items()
    } == {
        "k0": ("a", None, "early"),
        "k3": ("a", "b", "early"),
        "k6": ("a", "c", "late"),
        "k9": ("a", None, "late"),
    }
    assert {each["key"] for each in changed(api, third)} == {"k6", "k9"}


def test_numbers_are_compared_as_numbers(api: TestClient, data_dir: Path) -> None:
    rows: Rows = {f"k{i}": (str(i), i / 2) for i in range(8)}
    columns = {"input": ["text"], "label": "label", "key": "id"}
    task = {"task": "regression", "columns": columns}
    was = version(api, data_dir, rows, str(uuid4()), "1", **task)
    review(api, was, {2: 7.25, 3: "unusable"})
    now = corrected(api, was, "2")
    told = get(api, f"/datasets/{now['id']}/changes")
    assert (told["counts"]["relabelled"], told["relabelled"], told["classes"]) == (1, [], None)
    moved, removed = changed(api, now)
    assert (moved["target_before"], moved["target"], moved["label"]) == (1.0, 7.25, None)
    assert (removed["target_before"], removed["target"]) == (1.5, None)
    assert moved["origin"] is not None
    other = version(api, data_dir, plain_rows(5), str(uuid4()), "1")
    answer = api.get(f"{LAB}/datasets/{now['id']}/changes", params={"since": other["id"]})
    assert (answer.status_code, answer.json()["title"]) == (422, "Not comparable")
    page = api.get(f"{LAB}/datasets/{now['id']}/changes/examples", params={"old": "a"})
    assert page.json()["title"] == "Class unknown"


def test_without_a_parent_a_version_must_be_named(api: TestClient, data_dir: Path) -> None:
    only = version(api, data_dir, plain_rows(4), str(uuid4()), "1")
    answer = api.get(f"{LAB}/datasets/{only['id']}/changes")
    assert (answer.status_code, answer.json()["title"]) == (422, "No parent")
    assert answer.json()["errors"][0]["field"] == "since"
    missing = api.get(f"{LAB}/datasets/{only['id']}/changes", params={"since": str(uuid4())})
    assert missing.status_code == 404


def test_a_version_that_is_not_indexed_yet_is_not_compared(api: TestClient, data_dir: Path) -> None:
    was = version(api, data_dir, plain_rows(4), str(uuid4()), "1")
    review(api, was, {0: "b"})
    made = export(api, was, "dataset", register_as="2")
    now = made["card"]["registered_id"]
    assert api.get(f"{LAB}/datasets/{now}/changes").status_code == 409
    ready(api, now)
    assert get(api, f"/datasets/{now}/changes")["counts"]["relabelled"] == 1
