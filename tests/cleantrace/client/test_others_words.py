"""Classes, keys and names are other people's: on a terminal and in a spreadsheet they are text."""

from __future__ import annotations

import csv
import io
import json
from uuid import UUID

import numpy as np
import pytest

from cleantrace.client import Dataset, Scan
from cleantrace.reports.escaping import csv_cell
from tests import support
from tests.cleantrace.client.shell import Shell
from tests.cleantrace.client.world import N, World, register
from workers.exports.cells import inert
from workers.exports.jobs import run_export

CLASSES = ["[/b]cat", "\x1b]0;mine\x07dog\x9b1m", "=1+1"]
KEY = "[red]\x1b[31mkey-"


@pytest.fixture(scope="module")
def dataset(world: World) -> Dataset:
    arrays = support.blobs(N)
    arrays["id"] = np.array([f"{KEY}{i:02}" for i in range(N)])
    path = world.folder / "hostile.npz"
    np.savez(path, **arrays)
    made = register(world.client, "hostile", path, classes=CLASSES)
    support.index(made.id)
    return world.client.get_dataset(made)


@pytest.fixture(scope="module")
def scan(world: World, dataset: Dataset) -> Scan:
    run = world.client.register_run("linear", dataset, support.linear_spec())
    weights = world.folder / "weights.safetensors"
    support.check(world.client.register_checkpoint(run, weights, step=1, eta=0.1).id)
    made = world.client.start_scan(run, top_k=N, evidence=True)
    support.run_scan(made.id)
    return world.client.get_scan(made)


@pytest.fixture
def shell(world: World) -> Shell:
    return Shell(world.client.url, world.key)


@pytest.fixture(scope="module")
def corrected(world: World, dataset: Dataset, scan: Scan) -> Dataset:
    queue = world.client.create_queue("hostile", scan, {"kind": "filter"}, audits=N)
    while items := world.client.next_items(queue):
        [item] = items
        other = CLASSES[(CLASSES.index(item.given_label) + 1) % 3]
        world.client.decide(queue, item, "relabel", label=other, comment="\x1b[2J[/why]")
    world.client.close_queue(queue)
    export = world.client.create_export(dataset, "dataset", register_as="2")
    run_export(UUID(export.id))
    card = world.client.get_export(export).card
    assert card is not None
    support.index(card["registered_id"])
    return world.client.get_dataset(card["registered_id"])


def test_on_a_terminal(
    world: World, shell: Shell, dataset: Dataset, scan: Scan, corrected: Dataset
) -> None:
    by_loss = world.client.start_scan(scan.run_id, score="loss", top_k=1)
    support.run_scan(by_loss.id)
    for command in (
        ("scans", "evidence", scan.id, f"{KEY}03"),
        ("scans", "compare", scan.id, by_loss.id),
        ("datasets", "diff", dataset.id, corrected.id),
        ("datasets", "estimate", dataset.id),
        ("datasets", "estimate", dataset.id, "--label", CLASSES[0], "--label", CLASSES[1]),
        ("flags", "list", "--scan", scan.id),
        ("flags", "show", "--scan", scan.id, f"{KEY}03"),
    ):
        told = shell(*command)
        assert not {"\x1b", "\x9b", "\x07"} & set(told.output)
        assert "[/b]cat" in told.output, command


def test_in_json(shell: Shell, scan: Scan) -> None:
    told = shell("flags", "list", "--scan", scan.id, "--json").stdout
    assert not {"\x1b", "\x9b"} & set(told)
    assert {json.loads(line)["given_label"] for line in told.splitlines()} == set(CLASSES)


def test_in_what_is_refused(shell: Shell, scan: Scan) -> None:
    told = shell("flags", "show", "--scan", scan.id, "\x1b[2Jnone", status=2)
    assert "\x1b" not in told.stderr
    assert "\\x1b[2Jnone" in told.stderr


def test_in_a_spreadsheet(shell: Shell, world: World, scan: Scan) -> None:
    flags = list(world.client.flags(scan))
    told = shell("flags", "list", "--scan", scan.id, "--csv").stdout
    assert "\x1b" not in told
    rows = list(csv.DictReader(io.StringIO(told)))
    assert {row["given_label"] for row in rows} == {
        "[/b]cat", r"'\u001b]0\u003bmine\u0007dog\u009b1m", "'=1+1"
    }  # fmt: skip
    assert [float(row["suspicion"]) for row in rows] == [flag.suspicion for flag in flags]


@pytest.mark.parametrize(
    "text",
    ["a  b", "=1", " +1", "-1", "\uff20a", "'a", "a;=1", "a|-1", 'a"b', "\x1b[31m", "a\nb"],
)  # fmt: skip
def test_a_cell_is_as_in_an_export(text: str) -> None:
    import pyarrow as pa

    assert [csv_cell(text)] == inert(pa.array([text])).to_pylist()
