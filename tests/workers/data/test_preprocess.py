import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from app.datasets.example_store import ExampleStore, ExampleStoreWriter, Rows, StoreMeta
from app.runs.preprocessing import PreprocessingInvalid
from cleantrace.tokenizer import VocabularyTokenizer
from tests.workers.data.support import Indexer, encoded, png
from workers.data.preprocess import Preprocessor, channels_of


def arrays(
    array: np.ndarray, modality: str, task: str = "classification"
) -> tuple[StoreMeta, Rows]:
    meta = StoreMeta("array", task, modality, array.dtype.str, array.shape[1:], classes=("a", "b"))
    labels = np.arange(len(array)).astype(meta.label_dtype)
    return meta, Rows([str(i) for i in range(len(array))], labels, array)


def pictures(images: list[bytes]) -> tuple[StoreMeta, Rows]:
    meta = StoreMeta("encoded_image", "classification", "image", classes=("a", "b"))
    return meta, Rows(
        [f"k{i}" for i in range(len(images))], np.zeros(len(images), np.int32), images
    )


def inputs(spec: dict[str, Any], data: tuple[StoreMeta, Rows]) -> torch.Tensor:
    return Preprocessor(spec, data[0]).inputs(data[1])


RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 8), (1, "none")),
        ((8, 8, 3), (3, "last")),
        ((3, 8, 8), (3, "first")),
        ((1, 8, 8), (1, "first")),
        ((8, 8, 1), (1, "last")),
        ((4, 8, 8), (4, "first")),
        ((3, 8, 3), (3, "last")),
        ((8, 32, 32), (8, "first")),
        ((32, 32, 8), (8, "last")),
    ],
)
def test_channels_are_told_from_the_shape(
    shape: tuple[int, ...], expected: tuple[int, str]
) -> None:
    assert channels_of(shape) == expected


def test_byte_images_are_scaled_to_one_and_channels_come_first() -> None:
    result = inputs({}, arrays(BYTES, "image"))
    assert result.dtype == torch.float32
    assert result.is_contiguous()
    np.testing.assert_allclose(result.numpy(), BYTES.transpose(0, 3, 1, 2) / 255, rtol=1e-6)
    again = inputs({}, arrays(np.ascontiguousarray(BYTES.transpose(0, 3, 1, 2)), "image"))
    torch.testing.assert_close(again, result)


def test_float_images_are_left_as_they_are_and_scale_can_be_given() -> None:
    grey = RNG.random((2, 4, 6)).astype(np.float32)
    result = inputs({}, arrays(grey, "image"))
    assert result.shape == (2, 1, 4, 6)
    np.testing.assert_array_equal(result[:, 0].numpy(), grey)
    np.testing.assert_allclose(inputs({"scale": 2.0}, arrays(grey, "image"))[:, 0], grey * 2)


def test_mean_and_std_are_per_channel_or_for_all() -> None:
    spec = {"mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 4.0]}
    expected = (BYTES / 255 - spec["mean"]) / spec["std"]
    result = inputs(spec, arrays(BYTES, "image"))
    np.testing.assert_allclose(result.numpy(), expected.transpose(0, 3, 1, 2), atol=1e-6)
    one = inputs({"mean": [0.5]}, arrays(BYTES, "image"))
    np.testing.assert_allclose(one.numpy(), (BYTES / 255 - 0.5).transpose(0, 3, 1, 2), atol=1e-6)


def test_channels_are_converted() -> None:
    grey = inputs({"channels": 1}, arrays(BYTES, "image"))
    luma = (BYTES / 255) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(grey[:, 0].numpy(), luma, atol=1e-6)
    colour = inputs({"channels": 3}, arrays(BYTES[..., 0], "image"))
    assert colour.shape == (2, 3, 4, 6)
    torch.testing.assert_close(colour[:, 0], colour[:, 2])
    alpha = np.concatenate([BYTES, BYTES[..., :1]], axis=3)
    torch.testing.assert_close(
        inputs({"channels": 3}, arrays(alpha, "image")), inputs({}, arrays(BYTES, "image"))
    )


def test_resized_arrays_have_the_size_asked_for_and_keep_a_constant() -> None:
    flat = np.full((2, 10, 20), 128, np.uint8)
    result = inputs({"resize": [5, 7]}, arrays(flat, "image"))
    assert result.shape == (2, 1, 5, 7)
    torch.testing.assert_close(result, torch.full((2, 1, 5, 7), 128 / 255))


def test_files_and_arrays_of_the_same_pixels_agree() -> None:
    images = [encoded(Image.fromarray(pixels)) for pixels in BYTES]
    for spec in ({}, {"mean": [0.5, 0.4, 0.3]}):
        torch.testing.assert_close(
            inputs(spec, pictures(images)), inputs(spec, arrays(BYTES, "image"))
        )
    for spec in ({"resize": [8, 9]}, {"channels": 1}):
        # Pillow rounds to whole levels, and in resizing does so after each of its two passes.
        torch.testing.assert_close(
            inputs(spec, pictures(images)),
            inputs(spec, arrays(BYTES, "image")),
            atol=1 / 255 + 1e-5,
            rtol=0,
        )


def test_many_images_keep_their_order() -> None:
    images = [png(i) for i in range(40)]
    result = inputs({}, pictures(images))
    for i, data in enumerate(images):
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        np.testing.assert_allclose(result[i].numpy(), pixels.transpose(2, 0, 1) / 255, rtol=1e-6)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "LA", "1", "CMYK"])
def test_images_of_any_mode_become_grey_or_colour(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = encoded(Image.open(io.BytesIO(png())).convert(mode), kind)
    for channels in (1, 3):
        result = inputs({"channels": channels}, pictures([image]))
        assert result.shape == (1, channels, 4, 5)
        assert 0 <= result.min() <= result.max() <= 1
    natural = 1 if mode in ("L", "LA", "1") else 3
    assert inputs({}, pictures([image])).shape[1] == natural


def test_sixteen_bit_images_keep_their_depth() -> None:
    pixels = RNG.integers(0, 65536, (4, 5)).astype(np.uint16)
    result = inputs({}, pictures([encoded(Image.fromarray(pixels))]))
    np.testing.assert_allclose(result[0, 0].numpy(), pixels / 65535, rtol=1e-6)
    assert inputs({"resize": [2, 2]}, pictures([encoded(Image.fromarray(pixels))])).max() <= 1
    with pytest.raises(PreprocessingInvalid, match="more than 8 bits"):
        inputs({"channels": 3}, pictures([encoded(Image.fromarray(pixels))]))


def test_images_that_differ_need_resize_or_channels_and_are_named() -> None:
    sizes = pictures([png(), png(shape=(9, 5, 3))])
    with pytest.raises(PreprocessingInvalid, match="'k0' is 4 x 5, 'k1' is 9 x 5") as caught:
        inputs({}, sizes)
    assert caught.value.field == "preprocessing.resize"
    assert inputs({"resize": [4, 4]}, sizes).shape == (2, 3, 4, 4)
    modes = pictures([png(), png(mode="L")])
    with pytest.raises(PreprocessingInvalid, match="differ in channels") as caught:
        inputs({}, modes)
    assert caught.value.field == "preprocessing.channels"
    assert inputs({"channels": 3}, modes).shape == (2, 3, 4, 5)


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize(
    ("data", "what"),
    [
        (arrays(BYTES, "image"), "3 channels"),
        (arrays(np.zeros((2, 5)), "table"), "5 columns"),
    ],
)
def test_mean_or_std_of_another_length_is_named_at_once(
    name: str, data: tuple[StoreMeta, Rows], what: str
) -> None:
    with pytest.raises(PreprocessingInvalid, match=what) as caught:
        Preprocessor({name: [1.0, 2.0]}, data[0])
    assert caught.value.field == f"preprocessing.{name}"


def test_mean_that_does_not_fit_image_files_is_named_when_they_are_read() -> None:
    with pytest.raises(PreprocessingInvalid, match="mean has 2 values"):
        inputs({"mean": [1.0, 2.0]}, pictures([png()]))
    with pytest.raises(PreprocessingInvalid, match="mean has 2 values"):
        Preprocessor({"mean": [1.0, 2.0], "channels": 3}, pictures([])[0])


def test_table_columns_are_standardised_without_losing_large_numbers() -> None:
    table = np.array([[1e12 + 1, 2.0], [1e12 + 3, 4.0]])
    result = inputs({"mean": [1e12, 3.0], "std": [2.0, 0.5]}, arrays(table, "table"))
    assert result.dtype == torch.float32
    assert result.tolist() == [[0.5, -2.0], [1.5, 2.0]]


def test_table_of_images_is_flattened() -> None:
    assert inputs({}, arrays(np.zeros((2, 3, 4), np.float32), "table")).shape == (2, 12)


def test_texts_become_padded_ids() -> None:
    tokenizer = VocabularyTokenizer(["good", "film"], max_length=4)
    meta = StoreMeta("text", "classification", "text", classes=("a", "b"))
    texts = ["good film!", "film", "good good good good good"]
    rows = Rows(["1", "2", "3"], np.zeros(3, np.int32), texts)
    result = inputs({"tokenizer": tokenizer.to_json()}, (meta, rows))
    assert result.dtype == torch.int64
    assert result.tolist() == [[2, 3, 1, 0], [3, 0, 0, 0], [2, 2, 2, 2]]
    short = Rows(["2"], np.zeros(1, np.int32), ["film"])
    spec = {"tokenizer": tokenizer.to_json(), "padding": "max_length"}
    assert inputs(spec, (meta, short)).tolist() == [[3, 0, 0, 0]]
    assert inputs({"tokenizer": tokenizer.to_json()}, (meta, short)).tolist() == [[3]]


def test_text_without_words_still_has_a_column() -> None:
    meta = StoreMeta("text", "classification", "text", classes=("a", "b"))
    rows = Rows(["1"], np.zeros(1, np.int32), ["\u2003"])
    assert inputs({"tokenizer": {"vocabulary": ["a"]}}, (meta, rows)).tolist() == [[0]]


def test_targets_are_class_indices_or_scaled_numbers() -> None:
    meta, rows = arrays(np.zeros((3, 2)), "table")
    targets = Preprocessor({}, meta).targets(rows)
    assert targets.dtype == torch.int64
    assert targets.tolist() == [0, 1, 2]
    meta, rows = arrays(np.zeros((3, 2)), "table", "regression")
    scaled = Preprocessor({"target_mean": 1.0, "target_std": 2.0}, meta).targets(rows)
    assert scaled.dtype == torch.float32
    assert scaled.tolist() == [-0.5, 0.0, 0.5]


def test_preprocessing_of_another_modality_is_refused() -> None:
    with pytest.raises(PreprocessingInvalid, match="does not apply"):
        Preprocessor({"resize": [2, 2]}, arrays(np.zeros((3, 2)), "table")[0])


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_do_not_change_an_example(index: Indexer, size: int) -> None:
    index(index.images([f"{c}/{i}.png" for c in "ab" for i in range(5)]))
    store = index.store()
    preprocessor = Preprocessor({"resize": [8, 8], "mean": [0.5]}, store.meta)
    parts = [preprocessor.inputs(store.rows(i, i + size)) for i in range(0, 10, size)]
    torch.testing.assert_close(
        torch.cat(parts), preprocessor.inputs(store.rows(0, 10)), rtol=0, atol=0
    )


def test_what_the_store_maps_is_never_written_to(tmp_path: Path) -> None:
    meta, rows = arrays(np.ones((4, 3), np.float32), "table")
    with ExampleStoreWriter(tmp_path / "s", meta) as writer:
        writer.append(rows.keys, rows.labels, np.asarray(rows.inputs))
    before = (tmp_path / "s").read_bytes()
    store = ExampleStore(tmp_path / "s")
    preprocessor = Preprocessor({}, store.meta)
    preprocessor.inputs(store.rows(0, 4)).zero_()
    preprocessor.targets(store.rows(0, 4)).zero_()
    assert (tmp_path / "s").read_bytes() == before
    assert np.asarray(store.rows(0, 4).inputs).sum() == 12
