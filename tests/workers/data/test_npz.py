import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workers.data.support import Indexer
from workers.data.errors import (
    ColumnNotFound,
    ColumnUnusable,
    DatasetEmpty,
    DatasetUnreadable,
    LengthsDiffer,
    PickleRefused,
    RejectedRow,
)

COLUMNS = {"input": "x", "label": "y"}
LABELS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", ">f4", "float16", "int64"])
@pytest.mark.parametrize("compressed", [False, True])
def test_images_are_stored_as_they_are(index: Indexer, dtype: str, compressed: bool) -> None:
    images = np.random.default_rng(0).integers(0, 255, (4, 5, 6)).astype(dtype)
    save = np.savez_compressed if compressed else np.savez
    save(index.root / "data.npz", x=images, y=LABELS)
    result = index("data.npz", columns=COLUMNS)
    assert (result.count, result.modality, result.classes) == (4, "image", ("0", "1"))
    inputs = np.asarray(index.store().rows(0, 4).inputs)
    assert inputs.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(inputs, images)


def test_matrix_is_a_table_with_a_name_for_each_column(index: Indexer) -> None:
    result = index(index.npz(x=np.ones((4, 3)), y=LABELS), columns=COLUMNS)
    assert result.modality == "table"
    assert result.input_names == ("x[0]", "x[1]", "x[2]")


def test_list_of_arrays_makes_up_a_table(index: Indexer) -> None:
    name = index.npz(a=np.arange(4), b=np.arange(4) / 2, y=LABELS)
    result = index(name, columns={"input": ["b", "a"], "label": "y"})
    assert result.input_names == ("b", "a")
    inputs = index.store().rows(1, 2).inputs
    assert np.asarray(inputs).tolist() == [[0.5, 1.0]]


def test_strings_are_texts_and_labels_and_keys(index: Indexer) -> None:
    name = index.npz(
        x=np.array(["eins", "zwei ü", "drei"]), y=np.array(["b", "a", "b"]), k=np.array([7, 8, 9])
    )
    result = index(name, columns=COLUMNS | {"key": "k"})
    assert (result.modality, result.classes) == ("text", ("a", "b"))
    rows = index.store().rows(0, 3)
    assert rows.inputs == ["eins", "zwei ü", "drei"]
    assert rows.keys == ["7", "8", "9"]
    assert rows.labels.tolist() == [1, 0, 1]


def test_column_major_arrays_and_bool_are_read(index: Indexer) -> None:
    table = np.asfortranarray(np.arange(12.0).reshape(4, 3))
    index(index.npz(x=table, y=LABELS), columns=COLUMNS)
    np.testing.assert_array_equal(index.store().rows(0, 4).inputs, table)
    index(index.npz(x=table > 5, y=LABELS.reshape(4, 1)), columns=COLUMNS)
    assert np.asarray(index.store().rows(2, 3).inputs).tolist() == [[1.0, 1.0, 1.0]]


def test_array_larger_than_a_chunk_is_read_whole(index: Indexer) -> None:
    images = np.random.default_rng(0).integers(0, 255, (30_000, 32, 32)).astype(np.uint8)
    index(index.npz(x=images, y=np.arange(30_000) % 3), columns=COLUMNS)
    store = index.store()
    for start in (0, 16_000, 29_000):
        rows = store.rows(start, start + 1000)
        np.testing.assert_array_equal(rows.inputs, images[start : start + 1000])
        np.testing.assert_array_equal(rows.labels, np.arange(start, start + 1000) % 3)


def test_nan_and_infinite_features_are_rejected(index: Indexer) -> None:
    images = np.zeros((4, 2, 2))
    images[1, 0, 1], images[3, 1, 1] = np.nan, -np.inf
    result = index(index.npz(x=images, y=LABELS), columns=COLUMNS, on_bad_rows="skip")
    assert result.rejected == [
        RejectedRow(1, None, "NaN in 'x'"),
        RejectedRow(3, None, "infinite value in 'x'"),
    ]
    assert index.store().rows(0, 2).labels.tolist() == [0, 1]


def test_label_outside_the_classes_is_rejected(index: Indexer) -> None:
    name = index.npz(x=np.zeros((3, 2)), y=np.array([0, 2, 1]))
    result = index(name, columns=COLUMNS, classes=["0", "1"], on_bad_rows="skip")
    assert [row.row for row in result.rejected] == [1]


def test_wrong_array_names_those_there_are(index: Indexer) -> None:
    with pytest.raises(ColumnNotFound, match="There are: images, y") as caught:
        index(index.npz(images=np.zeros((4, 2)), y=LABELS), columns=COLUMNS)
    assert caught.value.field == "columns.input"


def test_arrays_of_different_lengths_are_named(index: Indexer) -> None:
    with pytest.raises(LengthsDiffer, match="x: 3, y: 4"):
        index(index.npz(x=np.zeros((3, 2)), y=LABELS), columns=COLUMNS)


class CreatesFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("array", ["x", "y"])
def test_python_objects_are_refused_and_do_not_run(index: Indexer, array: str) -> None:
    trap = index.root / "trap"
    arrays: dict[str, Any] = {"x": np.zeros((2, 2)), "y": np.array([0, 1])}
    arrays[array] = np.array([CreatesFile(trap), None])
    with pytest.raises(PickleRefused, match=repr(array)) as caught:
        index(index.npz(**arrays), columns=COLUMNS)
    assert not trap.exists()
    assert caught.value.remedy
    np.load(index.root / "data.npz", allow_pickle=True)[array]  # the trap is real
    assert trap.exists()


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_truncated_archive_is_unreadable(index: Indexer, kept: float) -> None:
    name = index.npz(x=np.zeros((100, 50)), y=np.zeros(100))
    data = (index.root / name).read_bytes()
    (index.root / name).write_bytes(data[: int(kept * len(data))])
    with pytest.raises(DatasetUnreadable, match=name):
        index(name, columns=COLUMNS)


def test_archive_with_a_damaged_array_is_unreadable(index: Indexer) -> None:
    name = index.npz(x=np.arange(100_000.0).reshape(1000, 100), y=np.arange(1000) % 2)
    data = bytearray((index.root / name).read_bytes())
    at = data.index(np.float64(77_777).tobytes())
    data[at] ^= 1
    (index.root / name).write_bytes(data)
    with pytest.raises(DatasetUnreadable, match="CRC"):
        index(name, columns=COLUMNS)
    assert not index.out.exists()


def test_array_file_that_is_no_archive_is_unreadable(index: Indexer) -> None:
    with (index.root / "data.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DatasetUnreadable, match="not a zip file"):
        index("data.npz", columns=COLUMNS)


@pytest.mark.parametrize(
    ("x", "y", "field"),
    [
        (np.zeros((4, 2)), np.eye(4), "columns.label"),
        (np.zeros((4, 2), complex), LABELS, "columns.input"),
        (np.zeros((4, 2, 0)), LABELS, "columns.input"),
        (np.zeros((4, 1, 2, 3, 4)), LABELS, "columns.input"),
        (np.zeros((4, 2)), LABELS.astype("datetime64[s]"), "columns.label"),
        (np.float64(1), LABELS, "columns"),
    ],
)
def test_arrays_of_other_kinds_and_shapes_are_refused(
    index: Indexer, x: Any, y: Any, field: str
) -> None:
    with pytest.raises(ColumnUnusable) as caught:
        index(index.npz(x=x, y=y), columns=COLUMNS)
    assert caught.value.field == field
    assert caught.value.remedy


def test_archive_without_rows_is_empty(index: Indexer) -> None:
    with pytest.raises(DatasetEmpty):
        index(index.npz(x=np.zeros((0, 2)), y=np.zeros(0, int)), columns=COLUMNS)
