"""Scorers: self-influence and, in time, its rivals, behind one small interface.

A scorer takes a batch and gives columns: one numpy array for each kind of result, one row for
each example. The columns of a shard are its artifact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch

from workers.scorers.self_influence import SelfInfluenceColumns

Columns: TypeAlias = dict[str, np.ndarray]


class Scorer(Protocol):
    @property
    def device(self) -> str: ...

    @property
    def coverage(self) -> dict[str, object]:
        """How each parameter is accounted for, as JSON; known once something was scored."""
        ...

    def score(self, inputs: torch.Tensor, targets: torch.Tensor) -> Columns:
        """Columns of one batch of B examples, each (B,) or (B, checkpoints)."""
        ...

    def self_check(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Compare with a plain, slow computation; raise if they differ."""
        ...


_SCORERS: Mapping[str, Callable[..., Scorer]] = {"self_influence": SelfInfluenceColumns}


def build_scorer(name: str, **arguments: Any) -> Scorer:
    return _SCORERS[name](**arguments)


__all__ = ["Columns", "Scorer", "build_scorer"]
