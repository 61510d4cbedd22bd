"""Inputs that are not in the dataset, in the form in which its examples are stored."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from app.datasets.example_store import Rows, StoreMeta
from app.errors import Invalid
from app.evidence.schemas import NewInput

_PIXELS = 50_000_000


class InputInvalid(Invalid):
    title = "Input invalid"
    code = "input-invalid"


def rows_of(inputs: Sequence[NewInput], meta: StoreMeta) -> Rows:
    """The inputs as rows of the dataset's store.

    Raises:
        InputInvalid: names the input and what it lacks.
    """
    labels = [_label(given, meta, f"inputs.{at}") for at, given in enumerate(inputs)]
    values = [_value(given, meta, f"inputs.{at}") for at, given in enumerate(inputs)]
    return Rows(
        keys=[str(at) for at in range(len(inputs))],
        labels=np.array(labels, meta.label_dtype),
        inputs=np.stack(values) if meta.kind == "array" else values,
    )


def _label(given: NewInput, meta: StoreMeta, field: str) -> float:
    if meta.classes is not None:
        if given.label not in meta.classes:
            raise InputInvalid(
                f"{given.label!r} is no class of the dataset.",
                field=f"{field}.label",
                remedy=f"Its classes are: {', '.join(meta.classes[:20])}.",
            )
        return meta.classes.index(given.label)
    if given.target is None:
        raise InputInvalid(
            "A regression needs the target that is asked about.",
            field=f"{field}.target",
            remedy="Give a number.",
        )
    return given.target


def _value(given: NewInput, meta: StoreMeta, field: str) -> Any:
    wanted = {"table": "row", "text": "text", "image": "image"}[meta.modality]
    value = getattr(given, wanted)
    if value is None:
        raise InputInvalid(
            f"The dataset's examples are of the kind {meta.modality!r}.",
            field=f"{field}.{wanted}",
            remedy=f"Give {wanted!r}, and no other kind of content.",
        )
    if meta.modality == "table":
        return _row(value, meta, f"{field}.row")
    if meta.modality == "text":
        return value
    data = _decoded(value, f"{field}.image")
    return _pixels(data, meta, f"{field}.image") if meta.kind == "array" else data


def _row(given: dict[str, float] | list[float], meta: StoreMeta, field: str) -> np.ndarray:
    assert meta.shape is not None
    assert meta.dtype is not None
    count = math.prod(meta.shape)
    if isinstance(given, dict):
        names = meta.input_names
        if len(names) != count or set(given) != set(names):
            raise InputInvalid(
                f"The row has the columns {', '.join(given)}.",
                field=field,
                remedy=f"Give a number for each of: {', '.join(names)}."
                if len(names) == count
                else f"The dataset's columns have no names: give a list of {count} numbers.",
            )
        given = [given[name] for name in names]
    if len(given) != count:
        raise InputInvalid(
            f"The row has {len(given)} numbers.", field=field, remedy=f"Give {count} numbers."
        )
    return np.array(given, meta.dtype).reshape(meta.shape)


def _decoded(text: str, field: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "BMP", "TIFF")) as image:
            if image.width * image.height > _PIXELS:
                raise ValueError("too many pixels")
            image.load()
    except (binascii.Error, ValueError, OSError, Image.DecompressionBombError) as error:
        raise InputInvalid(
            f"It is not an image in base64: {error}.",
            field=field,
            remedy="Give the bytes of a PNG, JPEG, WebP, BMP or TIFF file in base64.",
        ) from error
    return data


def _pixels(data: bytes, meta: StoreMeta, field: str) -> np.ndarray:
    """As an array like the dataset's. Raises InputInvalid: another size."""
    assert meta.shape is not None
    channels_first = len(meta.shape) == 3 and meta.shape[2] not in (1, 3, 4)
    height, width = meta.shape[1:] if channels_first else meta.shape[:2]
    channels = 1 if len(meta.shape) == 2 else meta.shape[0 if channels_first else 2]
    with Image.open(io.BytesIO(data)) as image:
        if (image.height, image.width) != (height, width) or channels not in (1, 3, 4):
            raise InputInvalid(
                f"The image is {image.width} x {image.height}.",
                field=field,
                remedy=f"The dataset's are {width} x {height}: scale it as they were.",
            )
        array = np.asarray(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    if len(meta.shape) == 3:
        array = array.reshape(height, width, channels)
    return (array.transpose(2, 0, 1) if channels_first else array).astype(meta.dtype)
