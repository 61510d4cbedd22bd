"""Scorers: self-influence and, in time, its rivals, behind one small interface.

A scorer takes a batch and gives, for each checkpoint asked for, what it says of the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch

from workers.influence import CheckpointScores
from workers.scorers.self_influence import SelfInfluenceBatches


class Scorer(Protocol):
    @property
    def device(self) -> str: ...

    @property
    def coverage(self) -> dict[str, object]:
        """How each parameter is accounted for, as JSON; known once something was scored."""
        ...

    def score(
        self, inputs: torch.Tensor, targets: torch.Tensor, only: Sequence[int]
    ) -> list[CheckpointScores]:
        """One batch, at the checkpoints of these indices."""
        ...

    def self_check(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Compare with a plain, slow computation; raise if they differ."""
        ...


_SCORERS: Mapping[str, Callable[..., Scorer]] = {"self_influence": SelfInfluenceBatches}


def build_scorer(name: str, **arguments: Any) -> Scorer:
    return _SCORERS[name](**arguments)


__all__ = ["Scorer", "build_scorer"]
