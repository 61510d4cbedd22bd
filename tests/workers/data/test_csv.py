import gzip

import numpy as np
import pytest

from app.locations import LocationNotAllowed, LocationNotFound
from tests.workers.data.support import Indexer
from workers.data.errors import (
    BadRowsFound,
    ColumnNotFound,
    ColumnUnusable,
    DatasetEmpty,
    DatasetUnreadable,
    RejectedRow,
)

TABLE = {"input": ["a", "b"], "label": "y", "key": "id"}
TEXT = {"input": "text", "label": "y"}


def test_table_is_read_with_keys_labels_and_counts(index: Indexer) -> None:
    name = index.csv("id,a,b,y\nr1,1,2.5,cat\nr2,-3,4e2,dog\nr3,0,0,cat\n")
    result = index(name, columns=TABLE)
    assert (result.count, result.rejected_count, result.modality) == (3, 0, "table")
    assert result.classes == ("cat", "dog")
    assert result.class_counts == {"cat": 2, "dog": 1}
    assert result.input_names == ("a", "b")
    rows = index.store().rows(0, 3)
    assert rows.keys == ["r1", "r2", "r3"]
    assert rows.labels.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(rows.inputs, np.float32([[1, 2.5], [-3, 400], [0, 0]]))


def test_one_column_of_words_is_text_and_of_numbers_a_table(index: Indexer) -> None:
    name = index.csv('text,n,y\n"one, ""two""\nthree",7,0\nfour,8,1\n')
    assert index(name, columns=TEXT).modality == "text"
    assert index.store().rows(0, 2).inputs == ['one, "two"\nthree', "four"]
    assert index(name, columns={"input": "n", "label": "y"}).modality == "table"
    assert index(name, columns={"input": "n", "label": "y"}, modality="text").modality == "text"


def test_regression_keeps_targets(index: Indexer) -> None:
    result = index(
        index.csv("a,b,y\n1,2,0.1\n3,4,-7\n"), "regression", columns=TABLE | {"key": None}
    )
    assert result.classes is None
    assert result.class_counts is None
    assert index.store().rows(0, 2).labels.tolist() == [0.1, -7.0]


BAD = (
    "id,a,b,y\n"
    "ok1,1,1,cat\n"
    "r1,x,1,cat\n"
    "r2,nan,1,cat\n"
    "r3,inf,1,cat\n"
    "r4,,1,cat\n"
    "r5,1,1,bird\n"
    "r6,1,1,\n"
    "ok1,1,1,cat\n"
    ",1,1,cat\n"
    "r9,1e39,1,cat\n"
    "r10,1_0,1,bird\n"
    "ok2,1,1,dog\n"
)
EXPECTED = [
    (1, "r1", "'x' in column 'a' is not a number"),
    (2, "r2", "NaN in column 'a'"),
    (3, "r3", "infinite value in column 'a'"),
    (4, "r4", "missing value in column 'a'"),
    (5, "r5", "label 'bird' is outside the classes (cat, dog)"),
    (6, "r6", "missing label in column 'y'"),
    (7, "ok1", "duplicate key 'ok1'"),
    (8, None, "missing key"),
    (9, "r9", "1e+39, too large for a 32-bit float, in column 'a'"),
    (
        10,
        "r10",
        "label 'bird' is outside the classes (cat, dog); '1_0' in column 'a' is not a number",
    ),
]


def test_bad_rows_are_listed_with_position_key_and_reason_and_the_rest_goes_on(
    index: Indexer,
) -> None:
    result = index(index.csv(BAD), columns=TABLE, classes=["cat", "dog"], on_bad_rows="skip")
    assert result.rejected == [RejectedRow(*row) for row in EXPECTED]
    assert (result.count, result.rejected_count) == (2, 10)
    assert index.store().rows(0, 2).keys == ["ok1", "ok2"]


def test_bad_rows_fail_the_data_set_if_the_policy_says_so(index: Indexer) -> None:
    with pytest.raises(BadRowsFound, match=r"10 rows of 12.*row 1 \(key 'r1'\).*and 5 more") as bad:
        index(index.csv(BAD), columns=TABLE, classes=["cat", "dog"])
    assert [(row.row, row.key, row.reason) for row in bad.value.rejected] == EXPECTED
    assert '"skip"' in (bad.value.remedy or "")
    assert not index.out.exists()


def test_bad_row_far_into_the_file_has_its_position(index: Indexer) -> None:
    lines = [f"{i},{i % 2},{'x' * 90}" for i in range(60_000)]
    lines[55_555] = "?,0,y"
    result = index(
        index.csv("a,y,filler\n" + "\n".join(lines)),
        columns={"input": ["a"], "label": "y"},
        on_bad_rows="skip",
    )
    assert [row.row for row in result.rejected] == [55_555]
    inputs = index.store().rows(55_554, 55_556).inputs
    np.testing.assert_array_equal(np.asarray(inputs).ravel(), [55_554, 55_556])


def test_empty_and_missing_texts_are_rejected(index: Indexer) -> None:
    result = index(
        index.csv('text,y\ngood,0\n" ",1\n"",1\nfine,1\n'), columns=TEXT, on_bad_rows="skip"
    )
    assert [(row.row, row.reason) for row in result.rejected] == [
        (1, "empty text in column 'text'"),
        (2, "empty text in column 'text'"),
    ]


def test_text_that_is_not_utf8_is_one_bad_row(index: Indexer) -> None:
    (index.root / "data.csv").write_bytes(b"text,y\nfine,0\ncaf\xe9,1\nwell,1\n")
    result = index("data.csv", columns=TEXT, on_bad_rows="skip")
    assert [(row.row, row.reason) for row in result.rejected] == [(1, "column 'text' is not UTF-8")]


def test_row_that_does_not_parse_is_named(index: Indexer) -> None:
    name = index.csv("a,b,y\n1,2,0\n1,2,1\n1,2\n1,2,0\n")
    with pytest.raises(DatasetUnreadable, match=r"Row 2 \(line 4\).*2 fields.*header has 3") as bad:
        index(name, columns={"input": ["a", "b"], "label": "y"})
    assert bad.value.field == "uri"
    assert not index.out.exists()


def test_wrong_column_names_those_there_are(index: Indexer) -> None:
    name = index.csv("id,a,b,y\n1,1,1,0\n")
    for columns, field in (
        ({"input": ["a", "c"], "label": "y"}, "columns.input"),
        ({"input": ["a"], "label": "Y"}, "columns.label"),
        ({"input": ["a"], "label": "y", "key": "ID"}, "columns.key"),
    ):
        with pytest.raises(ColumnNotFound, match="id, a, b, y") as caught:
            index(name, columns=columns)
        assert caught.value.field == field


def test_column_that_is_there_twice_is_refused(index: Indexer) -> None:
    with pytest.raises(ColumnUnusable, match="more than one"):
        index(index.csv("a,a,y\n1,2,0\n"), columns={"input": ["a"], "label": "y"})


@pytest.mark.parametrize("text", ["a,b,y\n", "a,b,y\n,,\n"])
def test_data_set_without_rows_is_empty(index: Indexer, text: str) -> None:
    with pytest.raises(DatasetEmpty):
        index(index.csv(text), columns={"input": ["a"], "label": "y"}, on_bad_rows="skip")
    with pytest.raises(DatasetEmpty):
        index(index.csv("a,b,y\n"), columns={"input": ["a"], "label": "y"}, classes=["0", "1"])


def test_file_without_a_byte_has_no_columns(index: Indexer) -> None:
    with pytest.raises(ColumnNotFound, match="There are: none"):
        index(index.csv(""), columns={"input": ["a"], "label": "y"})


def test_nothing_left_says_why_the_first_row_was_rejected(index: Indexer) -> None:
    name = index.csv("a,y\nx,0\ny,1\n")
    with pytest.raises(DatasetEmpty, match=r"none of its 2 rows.*'x'") as caught:
        index(name, columns={"input": ["a"], "label": "y"}, on_bad_rows="skip")
    assert len(caught.value.rejected) == 2
    assert not index.out.exists()


def test_missing_file_and_path_outside_the_roots(index: Indexer) -> None:
    with pytest.raises(LocationNotFound):
        index("missing.csv", columns=TABLE)
    with pytest.raises(LocationNotAllowed):
        index("../outside.csv", columns=TABLE)


def test_folder_and_glob_are_read_in_order_and_rows_numbered_through(index: Indexer) -> None:
    (index.root / "parts.csv").mkdir()
    index.csv("a,y\n1,0\n2,1\n", "parts.csv/1.csv")
    index.csv("a,y\n3,0\n?,1\n5,1\n", "parts.csv/2.csv")
    columns = {"input": ["a"], "label": "y"}
    for uri in ("parts.csv", "parts.csv/*.csv"):
        result = index(uri, columns=columns, on_bad_rows="skip", format="csv")
        assert [row.row for row in result.rejected] == [3]
        assert np.asarray(index.store().rows(0, 4).inputs).ravel().tolist() == [1, 2, 3, 5]


def test_gzip_is_unpacked_and_a_truncated_one_unreadable(index: Indexer) -> None:
    data = gzip.compress(("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(5000))).encode())
    (index.root / "data.csv.gz").write_bytes(data)
    columns = {"input": ["a"], "label": "y"}
    assert index("data.csv.gz", columns=columns).count == 5000
    (index.root / "data.csv.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DatasetUnreadable):
        index("data.csv.gz", columns=columns)


def test_unfitting_modality_is_refused(index: Indexer) -> None:
    with pytest.raises(DatasetUnreadable, match="modality image"):
        index(index.csv("a,y\n1,0\n"), columns={"input": "a", "label": "y"}, modality="image")


def test_long_rows_are_read_wherever_they_stand(index: Indexer) -> None:
    words = {1200: 300_000}
    rows = [f"k{i},{'words ' * words.get(i, 200)}{i},{'ab'[i % 2]}" for i in range(1500)]
    columns = TEXT | {"key": "id"}
    result = index(index.csv("\n".join(["id,text,y", *rows]) + "\n"), columns=columns)
    assert result.count == 1500
    stored = index.store().rows(0, 1500)
    assert stored.keys == [f"k{i}" for i in range(1500)]
    assert all(str(text).endswith(f" {i}") for i, text in enumerate(stored.inputs))


def test_row_without_an_end_is_refused(index: Indexer) -> None:
    name = index.csv('text,y\na,0\n"' + "words,\n" * 3_000_000)
    with pytest.raises(DatasetUnreadable, match="row of more than 8 MB"):
        index(name, columns=TEXT)
