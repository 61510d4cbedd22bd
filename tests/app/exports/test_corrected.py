"""The corrected data set: only labels change, and registering it gives the card's fingerprint."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from tests.app.exports.world import ask, content, export, make, queue_of, ready, register, review
from tests.support import get, post
from tests.workers.data.support import png

N = 40


def corrected(api: TestClient, dataset: dict[str, Any], decided: dict[int, Any]) -> dict[str, Any]:
    """An export that was registered as version 2, and is what its card says."""
    review(api, dataset, decided)
    made = export(api, dataset, "dataset", register_as="2")
    card = made["card"]
    again = ready(api, card["registered_id"])
    assert again["fingerprint"] == card["fingerprint"]
    assert again["fingerprint"] != dataset["fingerprint"]
    assert (again["parent_id"], again["export_id"]) == (dataset["id"], made["id"])
    assert (again["name"], again["version"]) == (dataset["name"], "2")
    assert again["classes"] == dataset["classes"]
    assert again["example_count"] == card["counts"]["examples"] - card["counts"]["removed"]
    return made


def sentiment(folder: Path, **options: Any) -> Path:
    """Parquet in row groups of 7, with columns that no model sees."""
    label = pa.array(["pos" if i % 3 else "neg" for i in range(N)])
    columns = {
        "note": pa.array([None if i % 5 else {"by": f"n{i}"} for i in range(N)]),
        "id": pa.array(np.arange(N) + 100),
        "label": label.dictionary_encode() if options.pop("encoded", False) else label,
        "text": pa.array([f"text {i // 2}" for i in range(N)]),
    }
    path = folder / "sentiment.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=7, **options)
    return path


@pytest.mark.parametrize("encoded", [False, True])
def test_parquet(api: TestClient, data_dir: Path, encoded: bool) -> None:
    path = sentiment(data_dir, encoded=encoded, compression="zstd")
    dataset = register(api, path, "parquet")
    made = corrected(api, dataset, {0: "pos", 8: "neg", 20: "unusable", 3: "right"})
    before, after = parquet.ParquetFile(path), parquet.ParquetFile(io.BytesIO(content(api, made)))
    assert after.schema_arrow == before.schema_arrow
    groups = [after.metadata.row_group(i) for i in range(after.num_row_groups)]
    assert [group.num_rows for group in groups] == [7, 7, 6, 7, 7, 5]
    assert groups[0].column(0).compression == "ZSTD"
    expected = before.read().to_pylist()
    expected[0]["label"], expected[8]["label"] = "pos", "neg"
    del expected[20]
    assert after.read().to_pylist() == expected


def test_a_correction_can_be_corrected(api: TestClient, data_dir: Path) -> None:
    dataset = register(api, sentiment(data_dir), "parquet")
    first = corrected(api, dataset, {0: "pos", 8: "unusable"})
    again = get(api, f"/datasets/{first['card']['registered_id']}")
    review(api, again, {0: "neg", 1: "unusable"})
    second = export(api, again, "dataset", register_as="3")
    third = ready(api, second["card"]["registered_id"])
    assert third["fingerprint"] == second["card"]["fingerprint"]
    assert (third["parent_id"], third["example_count"]) == (again["id"], N - 2)


def test_without_keys_repeats_are_counted_anew(api: TestClient, data_dir: Path) -> None:
    columns = {"input": "text", "label": "label"}
    dataset = register(api, sentiment(data_dir), "parquet", columns=columns)
    # Examples 10 and 11 have the same text: the second takes the first one's key.
    corrected(api, dataset, {10: "unusable", 12: "pos"})


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_csv(api: TestClient, data_dir: Path, name: str) -> None:
    head = 'id,"a,b",x,label,y\n'
    rows = [f'r{i},"say ""{i}""",{i / 4},{i % 2},{-i}\n' for i in range(N)]
    text = head + "".join(rows)
    path = data_dir / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    columns = {"input": ["x", "y"], "label": "label", "key": "id"}
    dataset = register(api, path, "csv", columns=columns, classes=["no", "yes"])
    made = corrected(api, dataset, {0: "yes", 39: "unusable"})
    data = content(api, made)
    told = (gzip.decompress(data) if name.endswith("gz") else data).decode()
    # The source has indices of classes, and so has what is corrected; no line is touched besides.
    rows[0] = rows[0].replace(",0,", ",1,")
    assert told == head + "".join(rows[:39])


def test_rows_that_indexing_rejected_are_left_out(api: TestClient, data_dir: Path) -> None:
    rows = [f"k{i},text {i},{'ab'[i % 2]}" for i in range(10)]
    rows[2] = "k2,,a"  # no text
    rows[5] = "k4,again,a"  # a key that is taken
    rows[6] = "k7,text 6,c"  # no class; the next row may have the key
    path = data_dir / "holes.csv"
    path.write_text("id,text,label\n" + "\n".join(rows) + "\n")
    changes = {"classes": ["a", "b"], "on_bad_rows": "skip"}
    dataset = register(api, path, "csv", **changes)
    assert dataset["rejected_count"] == 3
    made = corrected(api, dataset, {4: "a", 5: "unusable"})
    told = list(csv.DictReader(io.StringIO(content(api, made).decode())))
    assert [row["id"] for row in told] == ["k0", "k1", "k3", "k4", "k7", "k9"]
    assert told[4]["label"] == "a"


@pytest.mark.parametrize("kind", ["names", "numbers"])
def test_npz(api: TestClient, data_dir: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, N)
    arrays = {
        "x": np.asfortranarray(rng.normal(size=(N, 3)).astype(np.float32)),
        "y": np.array(["no", "maybe"])[labels] if kind == "names" else labels.astype(">i2"),
        "id": np.array([f"e{i}" for i in range(N)]),
        "weights": rng.random((N, 2)),
        "scale": np.float64(3.0),
    }
    path = data_dir / "arrays.npz"
    np.savez_compressed(path, **arrays)
    columns = {"input": "x", "label": "y", "key": "id"}
    dataset = register(api, path, "npz", columns=columns)
    other = next(name for name in dataset["classes"] if name != str(arrays["y"][0]))
    made = corrected(api, dataset, {0: other, 7: "unusable"})
    told = np.load(io.BytesIO(content(api, made)))
    keep = np.arange(N) != 7
    assert set(told) == set(arrays)
    for name in ("x", "id", "weights"):
        assert told[name].dtype == arrays[name].dtype
        np.testing.assert_array_equal(told[name], arrays[name][keep])
    assert told["scale"] == 3.0
    assert told["y"].dtype == arrays["y"].dtype
    assert str(told["y"][0]) == other
    np.testing.assert_array_equal(told["y"][1:], arrays["y"][keep][1:])


@pytest.mark.parametrize("has_label_file", [False, True])
def test_image_folder(api: TestClient, data_dir: Path, has_label_file: bool) -> None:
    paths = [f"{'cat' if i % 2 else 'dog'}/a b{i}.png" for i in range(8)]
    for i, each in enumerate(paths):
        (data_dir / each).parent.mkdir(exist_ok=True)
        (data_dir / each).write_bytes(png(i))
    columns = None
    if has_label_file:
        lines = [f"{each},{each[:3]},id-{i}" for i, each in enumerate(paths)]
        (data_dir / "labels.csv").write_text("path,label,key\n" + "\n".join(lines))
        columns = {"label_file": "labels.csv", "key": "key"}
    dataset = register(api, data_dir, "image_folder", columns=columns)
    made = corrected(api, dataset, {1: "dog", 2: "unusable"})
    told = content(api, made).decode()
    assert told.startswith("path,label,key\n")
    # Put beside the images, it is what anybody would register.
    (data_dir / "corrected.csv").write_text(told)
    columns = {"label_file": "corrected.csv", "key": "key"}
    own = register(
        api, data_dir, "image_folder", columns=columns, classes=dataset["classes"], version="own"
    )
    assert own["fingerprint"] == made["card"]["fingerprint"]


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.string()])
def test_regression(api: TestClient, data_dir: Path, kind: pa.DataType) -> None:
    path = data_dir / "targets.parquet"
    target = pa.array([i / 8 for i in range(N)]).cast(kind)
    table = {"x": np.arange(N, dtype=float), "label": target, "id": np.arange(N).astype(str)}
    parquet.write_table(pa.table(table), path)
    columns = {"input": ["x"], "label": "label", "key": "id"}
    dataset = register(api, path, "parquet", columns=columns, task="regression")
    made = corrected(api, dataset, {3: 0.1, 4: "unusable"})
    told = parquet.read_table(io.BytesIO(content(api, made)))["label"]
    assert told.type == kind
    assert float(told[3].as_py()) == pytest.approx(0.1)


def test_several_files_stay_several(api: TestClient, data_dir: Path) -> None:
    folder = data_dir / "parts"
    folder.mkdir()
    for number in range(3):
        rows = "".join(f"{number}-{i},text {i},{'ab'[i % 2]}\n" for i in range(5))
        (folder / f"{number}.csv").write_text("id,text,label\n" + rows)
    dataset = register(api, folder, "csv")
    made = corrected(api, dataset, {0: "b", 7: "a", 14: "unusable"})
    assert [file["rows"] for file in made["files"]] == [5, 5, 4]
    assert content(api, made, 1).splitlines()[3] == b"1-2,text 2,a"


def test_each_file_keeps_its_own_type_of_label(api: TestClient, data_dir: Path) -> None:
    folder = data_dir / "parts"
    folder.mkdir()
    for number, kind in enumerate((pa.int32(), pa.string())):
        keys = [f"{number}-{i}" for i in range(6)]
        label = pa.array([i % 2 for i in range(6)]).cast(kind)
        columns = {"id": keys, "text": [f"text {key}" for key in keys], "label": label}
        parquet.write_table(pa.table(columns), folder / f"{number}.parquet")
    dataset = register(api, folder, "parquet", classes=["no", "yes"])
    made = corrected(api, dataset, {0: "yes", 6: "yes"})
    for number, label in enumerate((1, "1")):
        table = parquet.read_table(io.BytesIO(content(api, made, number)))
        assert table["label"][0].as_py() == label


def test_a_source_that_changed_is_refused(api: TestClient, data_dir: Path) -> None:
    path = sentiment(data_dir)
    dataset = register(api, path, "parquet")
    review(api, dataset, {0: "pos"})
    table = parquet.read_table(path)
    changed = table.set_column(3, "text", pa.array([f"other {i}" for i in range(N)]))
    for each in (changed, table.slice(0, 30), pa.concat_tables([table, table.slice(0, 1)])):
        parquet.write_table(each, path)
        made = ask(api, dataset, "dataset")
        make(made)
        failed = get(api, f"/exports/{made}")
        assert failed["status"] == "failed"
        assert failed["failure"]["title"] == "Source changed"
        assert "patch" in failed["failure"]["remedy"]


def test_a_label_that_the_column_cannot_hold_is_refused(api: TestClient, data_dir: Path) -> None:
    path = data_dir / "whole.parquet"
    table = {"x": np.arange(N, dtype=float), "label": np.arange(N), "id": np.arange(N).astype(str)}
    parquet.write_table(pa.table(table), path)
    columns = {"input": ["x"], "label": "label", "key": "id"}
    dataset = register(api, path, "parquet", columns=columns, task="regression")
    review(api, dataset, {3: 0.5})
    made = ask(api, dataset, "dataset")
    make(made)
    failure = get(api, f"/exports/{made}")["failure"]
    assert failure["detail"] == "The column 'label' holds int64, which cannot hold 0.5."


def test_a_version_is_taken_once(api: TestClient, data_dir: Path) -> None:
    dataset = register(api, sentiment(data_dir), "parquet")
    queue_of(api, dataset)
    asked = {"dataset_id": dataset["id"], "kind": "dataset", "register_as": "1"}
    assert post(api, "/exports", asked, status=409)["errors"][0]["field"] == "register_as"
    first, second = (ask(api, dataset, "dataset", register_as="2") for _ in range(2))
    make(first)
    make(second)
    assert get(api, f"/exports/{first}")["status"] == "done"
    failed = get(api, f"/exports/{second}")
    assert (failed["status"], failed["failure"]["title"]) == ("failed", "Dataset version exists")
