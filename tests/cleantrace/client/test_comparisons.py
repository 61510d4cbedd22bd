"""Versions and scans compared through the client and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from benchmarks.review_world import add_scan
from cleantrace import Client
from cleantrace.client import Dataset
from cleantrace.client.room_errors import NoParent
from tests.cleantrace.client.shell import Shell
from tests.support import index


@pytest.fixture
def versions(client: Client, data_dir: Path) -> tuple[Dataset, Dataset]:
    """Twenty rows, and the same with one label corrected and one row taken out."""
    from workers.exports.jobs import run_export

    path = data_dir / "few.csv"
    path.write_text("id,text,label\n" + "".join(f"k{i},t{i},{'abcde'[i % 5]}\n" for i in range(20)))
    first = client.register_dataset(
        str(uuid4()),
        "1",
        path,
        format="csv",
        task="classification",
        input="text",
        label="label",
        key="id",
    )
    index(first.id)
    queue = client.create_queue("q", add_scan(UUID(first.id), 20), {"kind": "filter"})
    for kind, label in (("relabel", None), ("unusable", None)):
        [item] = client.next_items(queue)
        if kind == "relabel":
            label = "b" if item.given_label == "a" else "a"
        client.decide(queue, item, kind, label=label, comment=f"[/so] {kind}")
    export = client.create_export(first, "dataset", register_as="2")
    run_export(UUID(export.id))
    card = client.get_export(export).card
    assert card is not None
    index(card["registered_id"])
    return client.get_dataset(first), client.get_dataset(card["registered_id"])


def test_versions_are_compared(client: Client, versions: tuple[Dataset, Dataset]) -> None:
    first, second = versions
    found = client.changes(second)
    assert (found.since.version, found.counts.relabelled, found.counts.removed) == ("1", 1, 1)
    assert found.exports[0].as_of is not None
    every = list(client.changed_examples(second, page_size=1))
    assert [each.kinds for each in every] == [["relabelled"], ["removed"]]
    assert every[0].origin is not None
    assert every[0].origin.why == "[/so] relabel"
    assert [each.key for each in client.changed_examples(second, first, kind="removed")] == [
        every[1].key
    ]
    with pytest.raises(NoParent):
        client.changes(first)


def test_scans_are_compared(client: Client, versions: tuple[Dataset, Dataset]) -> None:
    first, second = versions
    [before] = client.scans(first)
    after = add_scan(UUID(second.id), 19, seed=4)
    found = client.compare_scans(after, before, most=3)
    assert (found.before.dataset.version, found.scan.dataset.version) == ("1", "2")
    assert (found.in_both, found.removed, len(found.moved)) == (19, 1, 3)
    flagged = [*client.compared_flags(after, before, "kept")]
    flagged += client.compared_flags(after, before, "new", page_size=1)
    assert len(flagged) == found.scan.flagged


def test_the_command_line(client: Client, shell: Shell, versions: tuple[Dataset, Dataset]) -> None:
    first, second = versions
    name = f"{first.name}:"
    told = shell("datasets", "diff", f"{name}1", f"{name}2").stdout
    assert "1 relabelled, 1 removed, 0 added" in told
    assert "[/so] unusable" in told
    assert "and 1 more" in shell("datasets", "diff", first.id, second.id, "--limit", "1").stdout
    data = json.loads(shell("datasets", "diff", f"{name}1", f"{name}2", "--json").stdout)
    assert data["counts"]["unchanged"] == 18
    assert [each["kinds"] for each in data["examples"]] == [["relabelled"], ["removed"]]
    [before] = client.scans(first)
    after = str(add_scan(UUID(second.id), 19, seed=4))
    assert "rank correlation" in shell("scans", "compare", before.id, after).stdout
    data = json.loads(shell("scans", "compare", before.id, after, "--json").stdout)
    assert data["in_both"] == 19
