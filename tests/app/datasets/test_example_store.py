import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.example_store import (
    ExampleStore,
    ExampleStoreWriter,
    StoreMeta,
    StoreUnreadable,
)
from app.datasets.identity import match
from app.datasets.image_file import ExampleChanged, ImageFile


def array_meta(**changes: Any) -> StoreMeta:
    values: dict[str, Any] = {
        "kind": "array",
        "task": "classification",
        "modality": "image",
        "dtype": "uint8",
        "shape": (2, 3),
        "input_names": ("images",),
        "classes": ("a", "b"),
    }
    return StoreMeta(**values | changes)


def write_arrays(path: Path, count: int, parts: list[int], **changes: Any) -> np.ndarray:
    """A store of `count` examples appended in parts of these sizes, again and again."""
    meta = array_meta(**changes)
    arrays = np.random.default_rng(0).integers(0, 255, (count, 2, 3)).astype(meta.dtype)
    with ExampleStoreWriter(path, meta) as writer:
        start, i = 0, 0
        while start < count:
            stop = min(count, start + parts[i % len(parts)])
            keys = [f"k{p}" for p in range(start, stop)]
            writer.append(keys, np.arange(start, stop) % 2, arrays[start:stop])
            start, i = stop, i + 1
    return arrays


def test_store_gives_back_what_was_appended(tmp_path: Path) -> None:
    arrays = write_arrays(tmp_path / "s", 10_000, [1000, 7, 5000])
    store = ExampleStore(tmp_path / "s")
    assert len(store) == 10_000
    assert store.meta == array_meta()
    rows = store.rows(0, 10_000)
    np.testing.assert_array_equal(rows.inputs, arrays)
    np.testing.assert_array_equal(rows.labels, np.arange(10_000) % 2)
    assert rows.labels.dtype == np.int32
    assert rows.keys[9_999] == "k9999"


def test_batches_are_of_4096_rows_whatever_was_appended_at_once(tmp_path: Path) -> None:
    write_arrays(tmp_path / "s", 10_000, [999, 1, 8000])
    with pa.memory_map(str(tmp_path / "s")) as file:
        reader = pa.ipc.open_file(file)
        sizes = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
    assert sizes == [4096, 4096, 1808]


def test_large_examples_get_smaller_batches(tmp_path: Path) -> None:
    meta = array_meta(shape=(1 << 20, 3))
    assert meta.batch_rows == 16
    with ExampleStoreWriter(tmp_path / "s", meta) as writer:
        for i in range(3):
            writer.append([str(i)], [0], np.full((1, 1 << 20, 3), i, np.uint8))
    rows = ExampleStore(tmp_path / "s").row(2)
    assert isinstance(rows.inputs, np.ndarray)
    assert rows.inputs[0, -1, -1] == 2


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bounds=st.tuples(st.integers(0, 9000), st.integers(0, 9000)).map(sorted))
def test_any_range_is_the_slice_of_the_whole(tmp_path: Path, bounds: list[int]) -> None:
    path = tmp_path / "s"
    if not path.exists():
        write_arrays(path, 9000, [9000])
    store, (start, stop) = ExampleStore(path), bounds
    rows, whole = store.rows(start, stop), store.rows(0, 9000)
    assert rows.keys == whole.keys[start:stop]
    np.testing.assert_array_equal(rows.labels, whole.labels[start:stop])
    np.testing.assert_array_equal(rows.inputs, np.asarray(whole.inputs)[start:stop])


def test_rows_of_one_batch_are_views_of_the_file(tmp_path: Path) -> None:
    write_arrays(tmp_path / "s", 5000, [5000])
    store = ExampleStore(tmp_path / "s")
    before = pa.total_allocated_bytes()
    inputs = store.rows(100, 4000).inputs
    assert isinstance(inputs, np.ndarray)
    assert not inputs.flags.owndata
    assert not inputs.flags.writeable
    assert pa.total_allocated_bytes() == before


def test_keys_and_labels_come_without_inputs(tmp_path: Path) -> None:
    file = ImageFile((tmp_path / "gone.png").as_uri(), "0" * 64)
    meta = StoreMeta("image_file", "regression", "image")
    with ExampleStoreWriter(tmp_path / "s", meta) as writer:
        writer.append(["a"], [1.5], [file])
    store = ExampleStore(tmp_path / "s")
    keys, labels = store.keys_and_labels(0, 1)
    assert keys == ["a"]
    for found in (labels, store.labels()):
        assert found.dtype == np.float64
        assert found.tolist() == [1.5]
    store.labels()[0] = 2.5
    assert store.labels().tolist() == [1.5]


@given(st.sets(st.integers(0, 9999), max_size=50))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_positions_can_be_taken(tmp_path: Path, chosen: set[int]) -> None:
    path = tmp_path / "taken"
    if not path.exists():
        write_arrays(path, 10_000, [3000])
    store = ExampleStore(path)
    positions = np.array(sorted(chosen), np.int64)
    whole = store.rows(0, 10_000)
    assert isinstance(whole.inputs, np.ndarray)
    taken = store.take(positions)
    assert taken.keys == [whole.keys[i] for i in positions]
    np.testing.assert_array_equal(taken.labels, whole.labels[positions])
    np.testing.assert_array_equal(taken.inputs, whole.inputs[positions])


def test_identities_find_an_example_again_wherever_it_stands(tmp_path: Path) -> None:
    meta = array_meta(shape=(4,))
    arrays = np.random.default_rng(0).integers(0, 255, (100, 4)).astype("uint8")
    labels = np.arange(100) % 2
    order = np.random.default_rng(1).permutation(100)
    relabelled = labels[order]
    relabelled[:10] = 1 - relabelled[:10]
    for name, data, given_labels in (("a", arrays, labels), ("b", arrays[order], relabelled)):
        with ExampleStoreWriter(tmp_path / name, meta) as writer:
            writer.append([f"{name}{i}" for i in range(100)], given_labels, data)
    known, wanted = (ExampleStore(tmp_path / name).identities() for name in "ab")
    found = match(wanted, known)
    assert (found[:10] == -1).all()
    np.testing.assert_array_equal(found[10:], order[10:])


@pytest.mark.parametrize("bounds", [(-1, 2), (3, 2), (0, 6), (6, 6)])
def test_range_outside_the_store_is_an_index_error(tmp_path: Path, bounds: tuple[int, int]) -> None:
    write_arrays(tmp_path / "s", 5, [5])
    with pytest.raises(IndexError):
        ExampleStore(tmp_path / "s").rows(*bounds)


def test_empty_store_and_empty_range(tmp_path: Path) -> None:
    write_arrays(tmp_path / "s", 0, [1])
    store = ExampleStore(tmp_path / "s")
    assert len(store) == 0
    rows = store.rows(0, 0)
    assert rows.keys == []
    assert np.asarray(rows.inputs).shape == (0, 2, 3)
    assert rows.labels.shape == (0,)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "uint16"])
def test_dtypes_survive(tmp_path: Path, dtype: str) -> None:
    arrays = write_arrays(tmp_path / "s", 10, [3], dtype=dtype)
    inputs = ExampleStore(tmp_path / "s").rows(1, 9).inputs
    assert isinstance(inputs, np.ndarray)
    assert inputs.dtype == dtype
    np.testing.assert_array_equal(inputs, arrays[1:9])


def test_texts_and_encoded_images_come_back(tmp_path: Path) -> None:
    for kind, values in (("text", ["ä", "b\n", "c"]), ("encoded_image", [b"\x89PNG", b"\0", b"x"])):
        modality = "text" if kind == "text" else "image"
        meta = StoreMeta(kind, "regression", modality)  # type: ignore[arg-type]
        with ExampleStoreWriter(tmp_path / kind, meta) as writer:
            writer.append(["1", "2", "3"], [0.5, 1.5, 2.5], values)
        assert ExampleStore(tmp_path / kind).rows(0, 3).inputs == values


def test_image_file_is_read_and_compared_with_its_hash(tmp_path: Path) -> None:
    image = tmp_path / "ä image#1.png"
    image.write_bytes(b"pixels")
    file = ImageFile(image.as_uri(), hashlib.sha256(b"pixels").hexdigest())
    with ExampleStoreWriter(
        tmp_path / "s", StoreMeta("image_file", "regression", "image")
    ) as writer:
        writer.append(["a"], [0.0], [file])
    store = ExampleStore(tmp_path / "s")
    assert store.row(0).inputs == [b"pixels"]
    image.write_bytes(b"other")
    with pytest.raises(ExampleChanged, match=r"image%231\.png is not the file") as caught:
        store.row(0)
    assert caught.value.remedy
    image.unlink()
    with pytest.raises(ExampleChanged, match="cannot be read"):
        store.row(0)


def test_wrong_shape_dtype_or_length_is_refused_on_writing(tmp_path: Path) -> None:
    with ExampleStoreWriter(tmp_path / "s", array_meta()) as writer:
        with pytest.raises(ValueError, match="the store holds uint8"):
            writer.append(["a"], [0], np.zeros((1, 2, 3), np.float32))
        with pytest.raises(ValueError, match="the store holds"):
            writer.append(["a"], [0], np.zeros((1, 3, 2), np.uint8))
        with pytest.raises(ValueError, match="2 keys, 1 labels"):
            writer.append(["a", "b"], [0], np.zeros((2, 2, 3), np.uint8))


def test_failure_while_writing_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with ExampleStoreWriter(tmp_path / "s", array_meta()) as writer:
            writer.append(["a"], [0], np.zeros((1, 2, 3), np.uint8))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not (tmp_path / "s").exists()


def test_other_and_truncated_files_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "s", 100, [100])
    whole = (tmp_path / "s").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other").write_bytes(b"something else")
    for name in ("cut", "other", "missing"):
        with pytest.raises(StoreUnreadable, match=name):
            ExampleStore(tmp_path / name)
