"""What the wrong labels cost and what came back, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from examples.loop.example import Outcome

_WIDTH, _HEIGHT = 860, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 40, 40, 60
_INK, _FAINT, _LINE, _PAPER = "#1c1d1a", "#696a62", "#deded8", "#ffffff"
_COLOURS = {"clean": "#2f5bd0", "noisy": "#b3261e", "corrected": "#1d6f42"}
_NAMES = {"clean": "true labels", "noisy": "10 % wrong", "corrected": "corrected"}


def draw_loop(path: Path, outcomes: Sequence[Outcome]) -> Path:
    """Test accuracy by seed: with true labels, with wrong ones, and after the review."""
    sheet = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    draw = ImageDraw.Draw(sheet)
    small, large = ImageFont.load_default(14), ImageFont.load_default(16)
    values = [getattr(each, name) for each in outcomes for name in _COLOURS]
    low, high = min(values) - 0.01, min(max(values) + 0.01, 1.0)

    def y(accuracy: float) -> float:
        return _TOP + (high - accuracy) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    for percent in range(round(100 * low), round(100 * high) + 1):
        if low <= percent / 100 <= high:
            at = y(percent / 100)
            draw.line((_LEFT, at, _WIDTH - _RIGHT, at), fill=_LINE)
            draw.text((_LEFT - 12, at), f"{percent} %", fill=_FAINT, font=small, anchor="rm")
    slot = (_WIDTH - _LEFT - _RIGHT) / len(outcomes)
    for number, each in enumerate(outcomes):
        middle = _LEFT + slot * (number + 0.5)
        draw.line((middle, y(each.noisy), middle, y(each.clean)), fill=_LINE, width=4)
        # Beside one another, so that none hides another.
        for shift, (name, colour) in zip((-16, 0, 16), _COLOURS.items(), strict=True):
            x, at = middle + shift, y(getattr(each, name))
            draw.ellipse((x - 7, at - 7, x + 7, at + 7), fill=colour)
        words = f"{each.recovered:.0%} back"
        draw.text((middle, _HEIGHT - 42), words, fill=_INK, font=large, anchor="ma")
        draw.text((middle, _HEIGHT - 22), f"seed {each.seed}", fill=_FAINT, font=small, anchor="ma")
    left: float = _LEFT
    for name, colour in _COLOURS.items():
        draw.ellipse((left, 12, left + 12, 24), fill=colour)
        draw.text((left + 18, 18), _NAMES[name], fill=_INK, font=small, anchor="lm")
        left += 36 + draw.textlength(_NAMES[name], font=small)
    sheet.save(path)
    return path
