"""What several people's verdicts on one item come to. Pure: no database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.reviews.models import ItemState, SettledBy, VerdictKind

_LABELS = frozenset({VerdictKind.right, VerdictKind.relabel})


@dataclass(frozen=True)
class Opinion:
    """A standing verdict. `label` or `value` is what the label should be, for `right` too."""

    kind: VerdictKind
    label: int | None = None
    value: float | None = None

    @property
    def is_label(self) -> bool:
        return self.kind in _LABELS


@dataclass(frozen=True)
class Settlement:
    """An item's state and, once it is done, its outcome."""

    state: ItemState
    settled_by: SettledBy | None = None
    outcome: VerdictKind | None = None
    label: int | None = None
    value: float | None = None


OPEN = Settlement(ItemState.open)
DISPUTED = Settlement(ItemState.disputed)


def settle(opinions: Sequence[Opinion], overlap: int, tolerance: float = 0.0) -> Settlement:
    """The state that standing verdicts put an item into.

    It is open until `overlap` verdicts are there. Then it is done if all who were sure agree and
    are more than half of the overlap; otherwise it is disputed. Nobody outvotes anybody: one who
    disagrees is as likely to have seen something as not.

    Args:
        opinions: without skips, which are no opinions.
        tolerance: values that differ by no more than this agree; the outcome is their mean.
    """
    if len(opinions) < overlap:
        return OPEN
    sure = [opinion for opinion in opinions if opinion.kind is not VerdictKind.unsure]
    if 2 * len(sure) <= overlap or not _agree(sure, tolerance):
        return DISPUTED
    return settled(SettledBy.consensus, sure)


def settled(by: SettledBy, agreed: Sequence[Opinion]) -> Settlement:
    """The outcome of opinions that agree."""
    first = agreed[0]
    if not first.is_label:
        return Settlement(ItemState.done, by, first.kind)
    values = [opinion.value for opinion in agreed if opinion.value is not None]
    value = math.fsum(values) / len(values) if values else None
    # Within the tolerance some may call the given number right and others move it a little.
    all_right = all(opinion.kind is VerdictKind.right for opinion in agreed)
    kind = VerdictKind.right if all_right else VerdictKind.relabel
    return Settlement(ItemState.done, by, kind, first.label, value)


def _agree(sure: Sequence[Opinion], tolerance: float) -> bool:
    if not all(opinion.is_label for opinion in sure):
        return all(opinion.kind is sure[0].kind for opinion in sure)
    values = [opinion.value for opinion in sure if opinion.value is not None]
    if values:
        return max(values) - min(values) <= tolerance
    return all(opinion.label == sure[0].label for opinion in sure)
