"""The content of an example, as the dashboard shows it: a picture, a text, or a row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from app.artifacts import ArtifactStore
from app.datasets.errors import DatasetNotReady, ExampleNotFound
from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset, Modality
from app.errors import Conflict
from app.settings import settings


class NoPicture(Conflict):
    title = "Not an image"
    code = "not-an-image"


@dataclass(frozen=True)
class Picture:
    data: bytes
    media_type: str


@dataclass(frozen=True)
class Content:
    """What to show of one example; just one of the parts is there."""

    text: str | None = None
    row: tuple[tuple[str, float], ...] | None = None
    """Column name and value, in the data set's order."""
    is_image: bool = False


@lru_cache(maxsize=32)
def _open_store(name: str) -> ExampleStore:
    return ExampleStore(ArtifactStore(settings().artifacts).local_path(name))


def open_store(dataset: Dataset) -> ExampleStore:
    if dataset.store is None:
        raise DatasetNotReady("The dataset is not indexed.", remedy="Wait for it to be `ready`.")
    return _open_store(dataset.store)


def _check_position(store: ExampleStore, position: int) -> None:
    if not 0 <= position < len(store):
        raise ExampleNotFound(
            f"There is no example {position}.",
            field="position",
            remedy=f"Positions run from 0 to {len(store) - 1}.",
        )


def example_image(dataset: Dataset, position: int) -> Picture:
    """The example as PNG, or as the JPEG it is.

    Raises:
        NoPicture: the data set holds no images.
        ExampleNotFound: no such position.
    """
    if dataset.modality != Modality.image:
        raise NoPicture(
            f"The examples of {dataset.name!r} are not images.",
            remedy="Read them as text or rows: GET the example without /image.",
        )
    store = open_store(dataset)
    _check_position(store, position)
    return picture_of(store.row(position).inputs[0])


def picture_of(value: object) -> Picture:
    """An image of an example store as PNG, or as the JPEG it is."""
    if isinstance(value, bytes):
        media_type = "image/jpeg" if value[:2] == b"\xff\xd8" else "image/png"
        if media_type == "image/png" and value[:4] != b"\x89PNG":
            with Image.open(io.BytesIO(value)) as image:
                return Picture(_png(image.convert("RGB")), "image/png")
        return Picture(value, media_type)
    return Picture(_png(array_image(np.asarray(value))), "image/png")


def array_image(pixels: np.ndarray) -> Image.Image:
    """Any (H, W), (H, W, C) or (C, H, W) array; other value ranges are stretched to 0..255."""
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[2] not in (1, 3):
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = ((pixels - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


def example_contents(
    dataset: Dataset, positions: Sequence[int], *, longest_text: int | None = None
) -> list[Content]:
    """What to show of each example, in the order asked for."""
    if dataset.modality == Modality.image:
        return [Content(is_image=True)] * len(positions)
    store = open_store(dataset)
    contents = []
    for position in positions:
        _check_position(store, position)
        value = store.rows(position, position + 1).inputs[0]
        if isinstance(value, str):
            cut = longest_text is not None and len(value) > longest_text
            contents.append(Content(text=value[:longest_text].rstrip() + "…" if cut else value))
        else:
            numbers = np.asarray(value, dtype=float).ravel()
            names = dataset.input_names or [f"x{i}" for i in range(len(numbers))]
            contents.append(Content(row=tuple(zip(names, map(float, numbers), strict=False))))
    return contents
