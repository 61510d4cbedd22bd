"""What pages of comparisons show of examples."""

from __future__ import annotations

from collections.abc import Iterable

from app.access.service import Caller
from app.dashboard.formatting import real
from app.dashboard.frame import project_url
from app.datasets.models import Dataset, Modality
from app.datasets.shown import Shown, shown_examples

_IN_A_PAGE = {Modality.image: 48, Modality.text: 20, Modality.table: 20}
_LONGEST_TEXT = 420
_MOST_CELLS = 12


def modality_of(dataset: Dataset) -> Modality:
    return Modality(dataset.modality or Modality.table)


def in_a_page(dataset: Dataset) -> int:
    return _IN_A_PAGE[modality_of(dataset)]


def shown_at(caller: Caller, dataset: Dataset, positions: Iterable[int | None]) -> dict[int, Shown]:
    """By position; None is left out."""
    wanted = [each for each in positions if each is not None]
    shown = shown_examples(
        dataset, project_url(caller), wanted, longest_text=_LONGEST_TEXT, most_cells=_MOST_CELLS
    )
    return dict(zip(wanted, shown, strict=True))


def label_text(label: str | None, target: float | None) -> str | None:
    return label if target is None else real(target)
