"""The patch: what was decided, by whom, when and why, in each of its formats."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from fastapi.testclient import TestClient
from pyarrow import parquet

from tests.app.exports.world import content, decide, export, lines, queue_of, register, review
from tests.app.reviews.world import Person
from tests.support import get


def texts(folder: Path, n: int = 12) -> Path:
    """Of class `a` and `b` in turn, with the keys k0, k1, …"""
    rows = "".join(f"k{i},text {i},{'ab'[i % 2]}\n" for i in range(n))
    path = folder / "texts.csv"
    path.write_text("id,text,label\n" + rows)
    return path


def test_says_what_was_changed_by_whom_when_and_why(api: TestClient, data_dir: Path) -> None:
    dataset = register(api, texts(data_dir), "csv")
    queue = queue_of(api, dataset, name="first look")
    ada = Person(api)
    decide(ada, queue, {0: "b"}, comment="plainly b")
    decide(ada, queue, {1: "unusable", 2: "right", 3: "unsure"})
    made = export(api, dataset)
    relabelled, removed = lines(api, made)
    history = {each["position"]: each for each in ada.history(queue)}
    assert relabelled == {
        "key": "k0",
        "action": "relabel",
        "old": "a",
        "new": "b",
        "who": "test",
        "when": relabelled["when"],
        "why": "plainly b",
        "decided_by": "consensus",
        "queue": "first look",
    }
    assert relabelled["when"][:19] == history[0]["at"][:19]
    assert (removed["key"], removed["action"], removed["new"]) == ("k1", "remove", None)
    card = get(api, f"/exports/{made['id']}/card")
    assert card["counts"] == {
        "examples": 12,
        "right": 1,
        "relabelled": 1,
        "removed": 1,
        "disputed": 1,
        "unsure": 1,
        "unreviewed": 8,
        "conflicts": 0,
    }
    assert card["source"]["fingerprint"] == dataset["fingerprint"]
    assert [(each["id"], each["counted"]) for each in card["queues"]] == [(queue, 3)]


def test_formats_hold_the_same(api: TestClient, data_dir: Path) -> None:
    dataset = register(api, texts(data_dir), "csv")
    review(api, dataset, dict.fromkeys(range(0, 12, 2), "b") | {1: "unusable"})
    as_json = lines(api, export(api, dataset))
    assert len(as_json) == 7
    as_csv = content(api, export(api, dataset, format="csv")).decode()
    rows = list(csv.DictReader(io.StringIO(as_csv)))
    assert rows == [{name: value or "" for name, value in row.items()} for row in as_json]
    table = parquet.read_table(io.BytesIO(content(api, export(api, dataset, format="parquet"))))
    moments = [row.pop("when") for row in as_json]
    assert table.drop_columns(["when"]).to_pylist() == as_json
    told = [each.isoformat().replace("+00:00", "Z") for each in table["when"].to_pylist()]
    assert [each[:19] for each in told] == [each[:19] for each in moments]


def test_where_nothing_is_decided_nothing_is_in_it(api: TestClient, data_dir: Path) -> None:
    dataset = register(api, texts(data_dir), "csv")
    queue_of(api, dataset)
    assert lines(api, export(api, dataset)) == []
    as_csv = content(api, export(api, dataset, format="csv"))
    assert as_csv == b"key,action,old,new,who,when,why,decided_by,queue\n"
    table = parquet.read_table(io.BytesIO(content(api, export(api, dataset, format="parquet"))))
    assert (table.num_rows, table.column_names[0]) == (0, "key")
    assert content(api, export(api, dataset, "dataset")) == texts(data_dir).read_bytes()
