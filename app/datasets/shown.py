"""An example's content as a view, made once for lists and for its own page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.dashboard.formatting import number, real
from app.datasets.content import example_contents, open_store
from app.datasets.models import Dataset, Modality

_PIXELATED_UP_TO = 96


@dataclass(frozen=True)
class Shown:
    """Just one of image, text and cells is there."""

    image_url: str | None = None
    is_small_image: bool = False
    """Known to be small: drawn as the pixels it is."""
    text: str | None = None
    cells: tuple[tuple[str, str], ...] | None = None
    more_cells: int = 0


def shown_examples(
    dataset: Dataset,
    project_url: str,
    positions: Sequence[int],
    *,
    longest_text: int | None = None,
    most_cells: int | None = None,
) -> list[Shown]:
    """What to show of each example, in the order asked for."""
    base = f"{project_url}/datasets/{dataset.id}/examples"
    small = _is_small(dataset)
    views = []
    contents = example_contents(dataset, positions, longest_text=longest_text)
    for position, content in zip(positions, contents, strict=True):
        if content.is_image:
            views.append(Shown(image_url=f"{base}/{position}/image", is_small_image=small))
        elif content.row is not None:
            cells = tuple((name, _cell(value)) for name, value in content.row[:most_cells])
            views.append(Shown(cells=cells, more_cells=len(content.row) - len(cells)))
        else:
            views.append(Shown(text=content.text or ""))
    return views


def _cell(value: float) -> str:
    is_whole = math.isfinite(value) and value == int(value) and abs(value) < 1e7
    return number(value) if is_whole else real(value)


def _is_small(dataset: Dataset) -> bool:
    """Arrays have one size; other pictures are looked at by the browser as they arrive."""
    if dataset.modality != Modality.image:
        return False
    shape = open_store(dataset).meta.shape
    return shape is not None and max(shape) <= _PIXELATED_UP_TO
