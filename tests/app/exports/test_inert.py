"""Labels, keys and comments that mean something to a browser, a terminal or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.app.exports.world import content, export, lines, register, review
from workers.exports.cells import csv_rows, inert, json_rows

ODD = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "-2+3",
    "+1",
    "\t=1",
    "'=1",
    "x;=1+1",
    "<script>alert(1)</script>",
    "![x](javascript:alert(1))",
    "\x1b[2J\x1b]0;owned\x07",
    "a\x9b31mred",
    "abc\u202ecba",
    'a "b", c',
    "line\nbreak",
    "back\\slash",
    "plain",
]
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def exact(cell: str) -> str:
    """A cell of CSV as the card says that it is to be read."""
    if not cell.startswith("'"):
        return cell
    return str(json.loads('"' + cell[1:].replace('"', '\\"') + '"'))


def test_odd_keys_labels_and_names_are_inert_and_exact(api: TestClient, data_dir: Path) -> None:
    labels = ["a", *(odd for odd in ODD[:9] if odd.strip() == odd)]
    table = {
        "id": ODD,
        "text": [f"text {odd}" for odd in ODD],
        "label": [labels[i % len(labels)] for i in range(len(ODD))],
    }
    path = data_dir / "odd.parquet"
    parquet.write_table(pa.table(table), path)
    dataset = register(api, path, "parquet", classes=labels)
    decided = {i: labels[(i + 1) % len(labels)] for i in range(len(ODD))}
    review(api, dataset, decided, name="=queue<b>")
    made = content(api, export(api, dataset, format="csv"))
    rows = list(csv.DictReader(io.StringIO(made.decode(), newline="")))
    for position, row in enumerate(rows):
        assert not _CONTROLS.search(made.decode())
        assert not any(cell[:1] in tuple("=+-@\t\r") for cell in row.values() if cell)
        assert exact(row["key"]) == ODD[position]
        assert exact(row["new"]) == decided[position]
        assert exact(row["queue"]) == "=queue<b>"
    made = content(api, export(api, dataset))
    assert not re.search(rb"[<>&\x00-\x09\x0b-\x1f\x7f]", made)
    assert not _CONTROLS.search(made.decode())
    assert [row["key"] for row in lines(api, export(api, dataset))] == ODD
    # The data set itself is exact.
    corrected = parquet.read_table(io.BytesIO(content(api, export(api, dataset, "dataset"))))
    assert corrected["id"].to_pylist() == ODD
    assert corrected["label"].to_pylist() == [decided[i] for i in range(len(ODD))]


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(ODD)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_TEXTS, st.none() | _TEXTS), min_size=1, max_size=5))
def test_any_text_comes_back(rows: list[tuple[str, str | None]]) -> None:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    told = csv_rows([inert(column) for column in columns]).decode()
    read = list(csv.reader(io.StringIO(told, newline="")))
    expected = [[text or "" for text in row] for row in rows]
    # The reader takes a line of nothing but one empty cell for none; these have a comma.
    assert [[exact(cell) for cell in row] for row in read] == expected
    assert not _CONTROLS.search(told)
    told = json_rows(("a", "b"), columns).decode()
    assert not re.search(r"[<>&]", told)
    assert not _CONTROLS.search(told)
    found = [json.loads(line) for line in told.split("\n")[:-1]]
    assert found == [{"a": first, "b": second} for first, second in rows]


@pytest.mark.parametrize("cells", [["a", "b,c", 'd"e', "", None, "f\r\ng"]])
def test_quotes_stand_only_where_they_must(cells: list[str | None]) -> None:
    column = pa.array(cells, pa.string())
    assert csv_rows([column, column]) == (
        b'a,a\n"b,c","b,c"\n"d""e","d""e"\n,\n,\n"f\r\ng","f\r\ng"\n'
    )
