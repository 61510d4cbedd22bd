"""The most suspicious digits in one picture."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cleantrace.client import Flag

_COLUMNS = 8
_SIDE = 96
_MARGIN = 16
_CAPTION = 44
_INK, _FAINT, _PLANTED, _PAPER = "#1c1f26", "#6b7280", "#b3261e", "#ffffff"


def draw_flags(
    path: Path, flags: Sequence[Flag], images: np.ndarray, planted: Collection[int]
) -> Path:
    """Draw flags in the order of their ranks: given label → suggested label.

    Args:
        images: (n, H, W) uint8, 0 is paper.
        planted: positions of the errors that were put in; marked by a frame and a word.
    """
    rows = -(-len(flags) // _COLUMNS)
    cell_w, cell_h = _SIDE + _MARGIN, _SIDE + _CAPTION + _MARGIN
    width, height = _COLUMNS * cell_w + _MARGIN, rows * cell_h + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(19), ImageFont.load_default(13)
    for number, flag in enumerate(flags):
        left = _MARGIN + number % _COLUMNS * cell_w
        top = _MARGIN + number // _COLUMNS * cell_h
        digit = Image.fromarray(255 - images[flag.position])
        sheet.paste(digit.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), (left, top))
        is_planted = flag.position in planted
        frame = (left - 1, top - 1, left + _SIDE, top + _SIDE)
        draw.rectangle(frame, outline=_PLANTED if is_planted else "#c9ced6", width=2)
        below = top + _SIDE + 4
        _draw_labels(draw, large, left, below, flag)
        word = "planted" if is_planted else "not planted"
        draw.text((left, below + 22), word, fill=_PLANTED if is_planted else _FAINT, font=small)
        rank = f"#{flag.rank}"
        end = left + _SIDE - draw.textlength(rank, font=small)
        draw.text((end, below + 22), rank, fill=_FAINT, font=small)
    sheet.save(path)
    return path


def _draw_labels(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    left: int,
    top: int,
    flag: Flag,
) -> None:
    """`3 → 8`, the arrow drawn: Pillow's own font has none."""
    given = flag.given_label or ""
    draw.text((left, top), given, fill=_INK, font=font)
    start = left + draw.textlength(given, font=font) + 6
    middle = top + 12
    draw.line((start, middle, start + 18, middle), fill=_FAINT, width=2)
    tip = start + 22
    draw.polygon([(tip, middle), (tip - 7, middle - 5), (tip - 7, middle + 5)], fill=_FAINT)
    draw.text((tip + 6, top), flag.suggested_label or given, fill=_INK, font=font)
