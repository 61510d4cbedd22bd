"""From stored examples to the tensors that a model takes, as in the training run."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from app.datasets.example_store import Rows, StoreMeta
from app.runs.preprocessing import PreprocessingInvalid, validate_preprocessing
from cleantrace.tokenizer import VocabularyTokenizer
from workers.data.images import ImageRejected, as_array, decode_image, plain_mode
from workers.data.parallel import map_in_threads

_CHANNELS = (1, 3, 4)
# Of red, green and blue in grey: ITU-R 601, as in Pillow's convert("L").
_LUMA = (0.299, 0.587, 0.114)


def channels_of(shape: tuple[int, ...]) -> tuple[int, Literal["first", "last", "none"]]:
    """How many channels an image array has, and where.

    (H, W) has one. Of three dimensions the last counts channels if it is 1, 3 or 4, else the
    first if it is; else the smaller of the two.
    """
    if len(shape) == 2:
        return 1, "none"
    first, last = shape[0], shape[2]
    if last in _CHANNELS or (first not in _CHANNELS and last <= first):
        return last, "last"
    return first, "first"


class Preprocessor:
    """Turns rows of one example store into tensors on the CPU.

    Args:
        spec: a run's `preprocessing`; see `app.runs.preprocessing.Preprocessing`.
        meta: of the store.
    Raises:
        PreprocessingInvalid: a field does not fit the dataset; names it.
    """

    def __init__(self, spec: Mapping[str, Any] | None, meta: StoreMeta) -> None:
        self.meta = meta
        self._spec = validate_preprocessing(spec, modality=meta.modality, task=meta.task)
        self._tokenizer: VocabularyTokenizer | None = None
        if self._spec.tokenizer is not None:
            self._tokenizer = VocabularyTokenizer(**self._spec.tokenizer.model_dump())
        if meta.modality == "table":
            assert meta.shape is not None
            self._require_lengths((int(np.prod(meta.shape)),), "columns")
        elif meta.modality == "image" and meta.shape is not None:
            channels, _ = channels_of(meta.shape)
            if self._spec.channels is not None and channels not in _CHANNELS:
                raise _invalid(
                    "channels",
                    f"Images of {channels} channels cannot become grey or colour.",
                    "Leave this field out.",
                )
            self._require_lengths((1, self._spec.channels or channels), "channels")
        elif meta.modality == "image" and self._spec.channels is not None:
            self._require_lengths((1, self._spec.channels), "channels")

    def inputs(self, rows: Rows) -> Tensor:
        """Images as (B, C, H, W) float32, tables as (B, n) float32, texts as (B, T) int64.

        Raises:
            PreprocessingInvalid: images of a batch differ in size or channels, or have other
                channels than mean and std.
        """
        if self.meta.modality == "text":
            return self._token_ids(rows.inputs)  # type: ignore[arg-type]
        if self.meta.modality == "table":
            return self._normalised(_floats(np.asarray(rows.inputs)).flatten(1))
        if self.meta.kind == "array":
            return self._normalised(self._array_images(np.asarray(rows.inputs)))
        return self._normalised(self._decoded_images(rows))

    def targets(self, rows: Rows) -> Tensor:
        """(B,): int64 class indices, or float32 targets, scaled as in the run."""
        if self.meta.task == "classification":
            return torch.from_numpy(rows.labels.astype(np.int64))
        mean = self._spec.target_mean or 0.0
        std = self._spec.target_std or 1.0
        return torch.from_numpy(((rows.labels - mean) / std).astype(np.float32))

    def _token_ids(self, texts: Sequence[str]) -> Tensor:
        assert self._tokenizer is not None
        encoded = [self._tokenizer.encode(text) for text in texts]
        longest = max((len(ids) for ids in encoded), default=1)
        if self._spec.padding == "max_length":
            longest = self._tokenizer.max_length
        batch = np.zeros((len(encoded), max(longest, 1)), np.int64)
        for i, ids in enumerate(encoded):
            batch[i, : len(ids)] = ids
        return torch.from_numpy(batch)

    def _array_images(self, array: np.ndarray) -> Tensor:
        images = _floats(array) * self._scale(array.dtype)
        _, where = channels_of(array.shape[1:])
        if where == "none":
            images = images.unsqueeze(1)
        elif where == "last":
            images = images.movedim(3, 1)
        if self._spec.resize is not None:
            images = interpolate(
                images,
                size=self._spec.resize,
                mode="bilinear",
                align_corners=False,
                antialias=True,
            )
        return self._converted(images).contiguous()

    def _converted(self, images: Tensor) -> Tensor:
        wanted, given = self._spec.channels, images.shape[1]
        if wanted is None or wanted == given:
            return images
        if given == 1:
            return images.expand(-1, wanted, -1, -1)
        if wanted == 3:
            return images[:, :3]  # without transparency
        luma = images.new_tensor(_LUMA).view(1, 3, 1, 1)
        return (images[:, :3] * luma).sum(1, keepdim=True)

    def _decoded_images(self, rows: Rows) -> Tensor:
        if not len(rows):
            height, width = self._spec.resize or (1, 1)
            return torch.zeros(0, self._spec.channels or 3, height, width)
        pixels = map_in_threads(self._decoded, list(zip(rows.keys, rows.inputs, strict=True)))
        for key, image in zip(rows.keys, pixels, strict=True):
            self._require_like(rows.keys[0], pixels[0], key, image)
        return torch.from_numpy(np.stack(pixels)).movedim(3, 1).contiguous()

    def _decoded(self, example: tuple[str, Any]) -> np.ndarray:
        """(H, W, C) float32, scaled."""
        key, data = example
        try:
            image = plain_mode(decode_image(data), self._spec.channels)
        except ImageRejected as error:
            raise _invalid(
                "channels", f"Image {key!r}: {error}.", "Leave this field out, or convert the data."
            ) from error
        if image.mode.startswith("I;"):
            # Pillow resizes no 16-bit images; as float it does.
            scale = self._scale(np.dtype(np.uint16))
            image = Image.fromarray(np.asarray(image).astype(np.float32))
        else:
            scale = self._scale(as_array(image).dtype)
        if self._spec.resize is not None:
            height, width = self._spec.resize
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return as_array(image).astype(np.float32) * np.float32(scale)

    def _require_like(self, key: str, image: np.ndarray, other: str, pixels: np.ndarray) -> None:
        if pixels.shape[:2] != image.shape[:2]:
            raise _invalid(
                "resize",
                f"Images differ in size: {key!r} is {_size(image)}, {other!r} is {_size(pixels)}.",
                "Give the height and width the model was trained with, such as [32, 32].",
            )
        if pixels.shape[2] != image.shape[2]:
            raise _invalid(
                "channels",
                f"Images differ in channels: {key!r} has {image.shape[2]}, {other!r} has "
                f"{pixels.shape[2]}.",
                "Give 1 (grey) or 3 (colour), as the model was trained with.",
            )

    def _scale(self, dtype: np.dtype) -> float:
        if self._spec.scale is not None:
            return self._spec.scale
        return {np.dtype(np.uint8): 1 / 255, np.dtype(np.uint16): 1 / 65535}.get(dtype, 1.0)

    def _normalised(self, x: Tensor) -> Tensor:
        """(x - mean) / std along dimension 1."""
        if len(x):
            self._require_lengths((1, x.shape[1]) if x.ndim == 4 else (x.shape[1],), "channels")
        shape = (1, -1, 1, 1) if x.ndim == 4 else (1, -1)
        if self._spec.mean is not None:
            x = x - x.new_tensor(self._spec.mean).view(shape)
        if self._spec.std is not None:
            x = x / x.new_tensor(self._spec.std).view(shape)
        # Columns may come as float64, for large numbers to lose nothing in the subtraction.
        return x.to(torch.float32)

    def _require_lengths(self, allowed: tuple[int, ...], of: str) -> None:
        for name, values in (("mean", self._spec.mean), ("std", self._spec.std)):
            if values is not None and len(values) not in allowed:
                raise _invalid(
                    name,
                    f"{name} has {len(values)} values; the dataset has {allowed[-1]} {of}.",
                    f"Give one value for each of the {allowed[-1]} {of}.",
                )


def _floats(array: np.ndarray) -> Tensor:
    """A copy: what the store gives is a read-only view of its file."""
    kind = np.float64 if array.dtype in (np.float64, np.int64, np.uint64) else np.float32
    return torch.from_numpy(array.astype(kind))


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} x {pixels.shape[1]}"


def _invalid(name: str, detail: str, remedy: str) -> PreprocessingInvalid:
    return PreprocessingInvalid(detail, field=f"preprocessing.{name}", remedy=remedy)
