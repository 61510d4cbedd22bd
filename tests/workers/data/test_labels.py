from typing import Any

import pyarrow as pa
import pytest

from workers.data.errors import ClassesNotFound, ColumnUnusable
from workers.data.labels import LabelReader, find_classes, read_targets


@pytest.mark.parametrize(
    ("classes", "labels", "expected"),
    [
        (["cat", "dog"], ["dog", "cat"], [1, 0]),
        (["cat", "dog"], [0, 1], [0, 1]),
        (["cat", "dog"], ["0", "1"], [0, 1]),
        (["cat", "dog"], [1.0, 0.0], [1, 0]),
        (["cat", "dog"], [True, False], [1, 0]),
        (["False", "True"], [True, False], [1, 0]),
        (["True", "False"], [True, False], [0, 1]),
        (["1", "2", "3"], [1, 3], [0, 2]),
        (["1", "2", "3"], ["1", "3"], [0, 2]),
        (["3", "1"], [1.0, 3.0], [1, 0]),
        (["0", "1", "2"], [2, 0], [2, 0]),
        (["-1", "1"], [-1, 1], [0, 1]),
        (["cat", "dog"], [b"dog", b"cat"], [1, 0]),
    ],
)
def test_labels_are_names_first_and_indices_only_if_no_name_is_a_number(
    classes: list[str], labels: list[Any], expected: list[int]
) -> None:
    found, reasons = LabelReader(classes).read(pa.array(labels), "y")
    assert found.tolist() == expected
    assert reasons == {}


@pytest.mark.parametrize(
    ("classes", "label"),
    [
        (["1", "2", "3"], 0),
        (["cat", "dog"], 2),
        (["cat", "dog"], -1),
        (["cat", "dog"], "Cat"),
        (["cat", "dog"], "01"),
        (["cat", "dog"], 0.5),
        (["cat", "2"], 0),
    ],
)
def test_label_outside_the_classes_is_rejected(classes: list[str], label: Any) -> None:
    _, reasons = LabelReader(classes).read(pa.array([label]), "y")
    assert "outside the classes" in reasons[0]
    assert str(label) in reasons[0]


@pytest.mark.parametrize("label", [None, "", "  "])
def test_missing_label_is_rejected_as_missing(label: Any) -> None:
    column = pa.array(["cat", label, "dog"], pa.string())
    found, reasons = LabelReader(["cat", "dog"]).read(column, "y")
    assert reasons == {1: "missing label in column 'y'"}
    assert found[[0, 2]].tolist() == [0, 1]


def test_nan_in_a_label_column_is_a_missing_label() -> None:
    _, reasons = LabelReader(["0", "1"]).read(pa.array([1.0, float("nan")]), "y")
    assert reasons == {1: "missing label in column 'y'"}


def test_dictionary_encoded_labels_are_read() -> None:
    column = pa.array(["b", "a", None]).dictionary_encode()
    found, reasons = LabelReader(["a", "b"]).read(column, "y")
    assert found[:2].tolist() == [1, 0]
    assert set(reasons) == {2}


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([10, 9, 2, 10], ("2", "9", "10")),
        (["10", "9", "2"], ("2", "9", "10")),
        ([1.0, 2.0, float("nan")], ("1", "2")),
        (["b", "a", "", None, "10"], ("10", "a", "b")),
        ([True, False], ("False", "True")),
    ],
)
def test_classes_are_found_and_sorted(labels: list[Any], classes: tuple[str, ...]) -> None:
    assert find_classes([pa.array(labels)], "y") == classes
    assert find_classes([pa.array(labels)[:1], pa.array(labels)[1:]], "y") == classes


@pytest.mark.parametrize(
    ("labels", "why"), [([0.5, 1.5], "fractions"), (["a", "a"], "one class"), (["a\0", "b"], "NUL")]
)
def test_what_cannot_be_classes_is_an_error_with_a_remedy(labels: list[Any], why: str) -> None:
    with pytest.raises(ClassesNotFound, match=why) as caught:
        find_classes([pa.array(labels)], "y")
    assert caught.value.field == "columns.label"
    assert caught.value.remedy


def test_columns_of_other_types_cannot_be_labels() -> None:
    with pytest.raises(ColumnUnusable, match="list"):
        LabelReader(["a", "b"]).read(pa.array([[1], [2]]), "y")
    with pytest.raises(ColumnUnusable, match="list"):
        read_targets(pa.array([[1.0]]), "y")


def test_targets_keep_double_precision_and_must_be_finite() -> None:
    column = pa.array([0.1, 1e300, None, float("nan"), float("inf")])
    targets, reasons = read_targets(column, "y")
    assert targets[:2].tolist() == [0.1, 1e300]
    assert reasons == {
        2: "missing value in column 'y'",
        3: "NaN in column 'y'",
        4: "infinite value in column 'y'",
    }
