import numpy as np
import pyarrow as pa
import pytest

from app.locations import LocationNotAllowed
from tests.workers.data.support import Indexer, png
from workers.data.errors import (
    BadRowsFound,
    ColumnNotFound,
    ColumnUnusable,
    DatasetEmpty,
    DatasetUnreadable,
    RejectedRow,
)

COLUMNS = {"input": "x", "label": "y"}


def test_table_of_any_number_types(index: Indexer) -> None:
    name = index.parquet(
        {
            "i": pa.array([1, 2], pa.int16()),
            "d": pa.array([0.5, 1.5]),
            "b": [True, False],
            "s": ["3", " 4e0"],
            "y": pa.array(["no", "yes"]).dictionary_encode(),
        }
    )
    result = index(name, columns={"input": ["i", "d", "b", "s"], "label": "y"})
    assert result.classes == ("no", "yes")
    inputs = np.asarray(index.store().rows(0, 2).inputs)
    assert inputs.dtype == np.float32
    assert inputs.tolist() == [[1, 0.5, 1, 3], [2, 1.5, 0, 4]]


def test_strings_are_texts(index: Indexer) -> None:
    result = index(index.parquet({"x": ["a b", "c"], "y": [0, 1]}), columns=COLUMNS)
    assert result.modality == "text"
    assert index.store().rows(0, 2).inputs == ["a b", "c"]


@pytest.mark.parametrize("as_struct", [False, True])
def test_bytes_are_encoded_images_and_corrupt_ones_rejected(
    index: Indexer, as_struct: bool
) -> None:
    images = [png(0), b"no image", png(1)[:60], None, png(2)]
    column = [{"bytes": data, "path": None} for data in images] if as_struct else images
    name = index.parquet({"x": column, "y": [0, 1, 0, 1, 1]})
    result = index(name, columns=COLUMNS, on_bad_rows="skip")
    assert result.modality == "image"
    assert [row.row for row in result.rejected] == [1, 2, 3]
    assert "not an image" in result.rejected[0].reason
    assert "truncated" in result.rejected[1].reason
    assert "missing image" in result.rejected[2].reason
    assert index.store().rows(0, 2).inputs == [png(0), png(2)]


def test_lists_of_numbers_are_vectors_of_the_first_ones_length(index: Indexer) -> None:
    vectors = [None, [1.0, 2.0], [3.0], [4.0, None], [5.0, 6.0], [float("nan"), 0.0]]
    name = index.parquet({"x": vectors, "y": [0, 1, 0, 1, 0, 1]})
    result = index(name, columns=COLUMNS, on_bad_rows="skip")
    assert result.rejected == [
        RejectedRow(0, None, "missing value in column 'x'"),
        RejectedRow(2, None, "1 numbers in column 'x', not 2"),
        RejectedRow(3, None, "missing, NaN or infinite value in column 'x'"),
        RejectedRow(5, None, "missing, NaN or infinite value in column 'x'"),
    ]
    assert np.asarray(index.store().rows(0, 2).inputs).tolist() == [[1, 2], [5, 6]]


def test_fixed_size_lists_are_vectors(index: Indexer) -> None:
    column = pa.array([[1, 2, 3], [4, 5, 6]], pa.list_(pa.int32(), 3))
    result = index(index.parquet({"x": column, "y": [0, 1]}), columns=COLUMNS)
    assert result.input_names == ("x[0]", "x[1]", "x[2]")


def test_nulls_and_duplicate_keys_are_rejected(index: Indexer) -> None:
    name = index.parquet(
        {
            "x": [1.0, None, 3.0, 4.0, 5.0],
            "y": ["a", "b", None, "a", "b"],
            "id": [1, 2, 3, 1, None],
        }
    )
    result = index(name, columns=COLUMNS | {"key": "id"}, on_bad_rows="skip")
    assert result.rejected == [
        RejectedRow(1, "2", "missing value in column 'x'"),
        RejectedRow(2, "3", "missing label in column 'y'"),
        RejectedRow(3, "1", "duplicate key '1'"),
        RejectedRow(4, None, "missing key"),
    ]


def test_key_of_a_rejected_row_is_free_for_a_good_one(index: Indexer) -> None:
    name = index.parquet({"x": [None, 1.0, 2.0], "y": [0, 0, 1], "id": ["a", "a", "b"]})
    result = index(name, columns=COLUMNS | {"key": "id"}, on_bad_rows="skip")
    assert [row.row for row in result.rejected] == [0]
    assert index.store().rows(0, 2).keys == ["a", "b"]


def test_keys_that_a_database_cannot_hold_are_rejected(index: Indexer) -> None:
    name = index.parquet({"x": [1.0, 2.0, 3.0], "y": [0, 1, 0], "id": ["a\0b", "k" * 2000, "c"]})
    result = index(name, columns=COLUMNS | {"key": "id"}, on_bad_rows="skip")
    assert result.rejected == [
        RejectedRow(0, None, "key holds a NUL character"),
        RejectedRow(1, None, "key of more than 1024 bytes"),
    ]


def test_several_files_are_one_data_set(index: Indexer) -> None:
    for part in range(3):
        columns = {"x": np.arange(5000.0) + 5000 * part, "y": np.arange(5000) % 2}
        index.parquet(columns, f"parts/{part}.parquet", row_group_size=1000)
    result = index("parts", columns=COLUMNS, format="parquet")
    assert result.count == 15_000
    inputs = np.asarray(index.store().rows(0, 15_000).inputs).ravel()
    np.testing.assert_array_equal(inputs, np.arange(15_000))


def test_file_linked_from_outside_the_roots_is_refused(index: Indexer) -> None:
    index.parquet({"x": [1.0], "y": [0]}, "parts/0.parquet")
    outside = index.root.parent / "outside.parquet"
    outside.write_bytes((index.root / "parts/0.parquet").read_bytes())
    (index.root / "parts/1.parquet").symlink_to(outside)
    with pytest.raises(LocationNotAllowed, match=r"1\.parquet"):
        index("parts", columns=COLUMNS, format="parquet")


def test_wrong_column_names_those_there_are(index: Indexer) -> None:
    with pytest.raises(ColumnNotFound, match="There are: a, y"):
        index(index.parquet({"a": [1], "y": [0]}), columns=COLUMNS)


@pytest.mark.parametrize("column", [[{"a": 1}, {"a": 2}], [["a"], ["b"]], [[[1]], [[2]]]])
def test_columns_of_other_types_are_refused(index: Indexer, column: list[object]) -> None:
    with pytest.raises(ColumnUnusable) as caught:
        index(index.parquet({"x": column, "y": [0, 1]}), columns=COLUMNS)
    assert caught.value.field == "columns.input"
    assert caught.value.remedy


def test_nan_feature_fails_the_data_set_by_default(index: Indexer) -> None:
    with pytest.raises(BadRowsFound, match=r"1 row of 3 .*row 1: NaN in column 'x'"):
        index(index.parquet({"x": [1.0, float("nan"), 2.0], "y": [0, 1, 1]}), columns=COLUMNS)


def test_unfitting_modality_is_refused(index: Indexer) -> None:
    with pytest.raises(DatasetUnreadable, match="modality image"):
        index(index.parquet({"x": ["a"], "y": [0]}), columns=COLUMNS, modality="image")


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet", b"x" * 1000])
def test_other_files_are_unreadable(index: Indexer, content: bytes) -> None:
    (index.root / "data.parquet").write_bytes(content)
    with pytest.raises(DatasetUnreadable, match=r"data\.parquet"):
        index("data.parquet", columns=COLUMNS)


@pytest.mark.parametrize("damage", [slice(4, 40), slice(20_000, 20_001)])
def test_damaged_pages_are_unreadable_and_leave_nothing(index: Indexer, damage: slice) -> None:
    columns = {"x": np.random.default_rng(0).random(50_000), "y": np.arange(50_000) % 2}
    name = index.parquet(columns, write_page_checksum=True)
    data = bytearray((index.root / name).read_bytes())
    data[damage] = bytes(byte ^ 0xFF for byte in data[damage])
    (index.root / name).write_bytes(data)
    with pytest.raises(DatasetUnreadable):
        index(name, columns=COLUMNS, classes=["0", "1"])
    assert not index.out.exists()


def test_file_without_rows_is_empty(index: Indexer) -> None:
    name = index.parquet({"x": pa.array([], pa.float64()), "y": pa.array([], pa.int64())})
    with pytest.raises(DatasetEmpty):
        index(name, columns=COLUMNS)
