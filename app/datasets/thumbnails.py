"""Small pictures of examples, drawn anew: nothing of a file comes through but its pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from app.datasets.content import Picture, array_image, example_image
from app.datasets.image_file import ExampleChanged
from app.datasets.models import Dataset
from app.errors import Conflict

LEAST, USUAL, MOST = 16, 160, 512
"""Pixels of the longer side."""
_MOST_PIXELS = 64_000_000
_COLUMNS = 6
_GAP, _LINE = 12, 22
_PAPER, _INK = "#ffffff", "#1c1d1a"


class PictureUnreadable(Conflict):
    title = "Picture unreadable"
    code = "picture-unreadable"


def thumbnail(dataset: Dataset, position: int, longest: int = USUAL) -> Picture:
    """An example no larger than asked for: as PNG if it is as small by itself, else as JPEG.

    Raises:
        NoPicture, ExampleNotFound, ExampleChanged.
        PictureUnreadable: it is no picture any more, or has too many pixels.
    """
    whole, small = _drawn(dataset, position, longest)
    out = io.BytesIO()
    if whole:
        small.save(out, format="PNG")
        return Picture(out.getvalue(), "image/png")
    small.save(out, format="JPEG", quality=85)
    return Picture(out.getvalue(), "image/jpeg")


def contact_sheet(dataset: Dataset, tiles: Sequence[tuple[int, str]]) -> bytes:
    """Examples side by side as one PNG, numbered from 1.

    Args:
        tiles: position and caption; one that is not ASCII is left out, as the font has no more.
    Raises: what `thumbnail` raises; a picture that cannot be read is left blank.
    """
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    wide, tall = USUAL + _GAP, USUAL + _LINE + _GAP
    sheet = Image.new("RGB", (columns * wide + _GAP, rows * tall + _GAP), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, (position, caption) in enumerate(tiles):
        left = _GAP + wide * (index % columns)
        top = _GAP + tall * (index // columns)
        try:
            small = _grown(_drawn(dataset, position, USUAL)[1])
            sheet.paste(small, (left + (USUAL - small.width) // 2, top))
        except (PictureUnreadable, ExampleChanged):
            pen.rectangle((left, top, left + USUAL - 1, top + USUAL - 1), outline=_INK)
        told = caption if caption.isascii() and caption.isprintable() else ""
        text = f"{index + 1}.  {told}".rstrip()
        while font.getlength(text) > USUAL:
            text = f"{text.removesuffix('...')[:-1]}..."
        pen.text((left, top + USUAL + 3), text, fill=_INK, font=font)
    out = io.BytesIO()
    sheet.save(out, format="PNG", optimize=True)
    return out.getvalue()


def _drawn(dataset: Dataset, position: int, longest: int) -> tuple[bool, Image.Image]:
    """Whether it is as large as it was, and a picture that holds nothing but RGB."""
    data = example_image(dataset, position).data
    try:
        with Image.open(io.BytesIO(data)) as image:
            whole = max(image.size) <= longest
            # A large JPEG is decoded at a part of its size.
            image.draft("RGB", (longest, longest))
            if image.width * image.height > _MOST_PIXELS:
                raise _unreadable(position, f"has more than {_MOST_PIXELS:,} pixels")
            small = _in_rgb(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(position, "cannot be read as a picture") from error
    small.thumbnail((longest, longest))
    # A new one: what stood beside the pixels would be written with them.
    return whole, Image.frombytes("RGB", small.size, small.tobytes())


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return array_image(np.asarray(image)).convert("RGB")
    if image.has_transparency_data:
        below = Image.new("RGBA", image.size, _PAPER)
        return Image.alpha_composite(below, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _grown(image: Image.Image) -> Image.Image:
    """A picture of few pixels as large squares, for a sheet that nobody enlarges."""
    times = USUAL // max(image.size)
    if times < 2:
        return image
    size = (image.width * times, image.height * times)
    return image.resize(size, Image.Resampling.NEAREST)


def _unreadable(position: int, how: str) -> PictureUnreadable:
    return PictureUnreadable(
        f"The example {position} {how}.",
        field="position",
        remedy="Look at the file that was registered.",
    )
