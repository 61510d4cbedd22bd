"""A slice: a part of a dataset that is fixed before anybody looks, by given classes and keys."""

from __future__ import annotations

from dataclasses import dataclass

from app.datasets.models import Dataset
from app.errors import Invalid
from app.scans.errors import ClassUnknown


class SliceEmpty(Invalid):
    title = "Slice empty"
    code = "slice-empty"


@dataclass(frozen=True)
class Slice:
    """
    labels: given classes; all if none is named.
    key: a pattern of keys (app/datasets/key_patterns.py).
    """

    labels: tuple[str, ...] = ()
    key: str | None = None

    @property
    def is_whole(self) -> bool:
        return not self.labels and self.key is None

    def classes_of(self, dataset: Dataset) -> list[int] | None:
        """Indices of the classes; None for all. Raises ClassUnknown."""
        if not self.labels:
            return None
        known = dataset.classes or []
        for name in self.labels:
            if name not in known:
                more = ", …" if len(known) > 20 else ""
                raise ClassUnknown(
                    f"The dataset has no class {name!r}.",
                    field="label",
                    remedy=f"Its classes are: {', '.join(known[:20])}{more}."
                    if known
                    else "A regression has no classes: leave it out.",
                )
        return sorted({known.index(name) for name in self.labels})


WHOLE = Slice()
