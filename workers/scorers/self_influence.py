"""Self-influence, and what the same pass yields for nothing: loss, margin, EL2N, belief."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import torch
from torch import nn

from workers.influence import CheckpointScores, Precision, SelfInfluenceScorer, SketchSpec
from workers.influence.coverage import Treatment

Weights = Mapping[str, torch.Tensor]


class SelfInfluenceBatches:
    """The engine as a scorer."""

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        checkpoints: Sequence[tuple[Weights, float]],
        layers: str | Sequence[str],
        device: str | None,
        sketch: SketchSpec | None = None,
        salts: Sequence[str] | None = None,
        precision: Precision = "full",
    ) -> None:
        self._engine = SelfInfluenceScorer(
            model,
            loss=loss,
            checkpoints=checkpoints,
            layers=layers,
            device=device,
            sketch=sketch,
            salts=salts,
            precision=precision,
        )

    @property
    def device(self) -> str:
        return str(self._engine.device)

    @property
    def coverage(self) -> dict[str, object]:
        coverage = self._engine.coverage
        off = coverage.precision_error
        scored = set(coverage.scored)
        numbers = {entry.name: entry.numel for entry in coverage.entries}
        return {
            "scored": sum(numbers[name] for name in scored),
            "total": sum(numbers.values()),
            "slow_path": coverage.slow,
            "slow_share": coverage.slow_share,
            "excluded": coverage.names(Treatment.EXCLUDED),
            "frozen": coverage.names(Treatment.FROZEN),
            "last_layer": list(coverage.last_layer),
            "precision": coverage.precision,
            "precision_error": off and asdict(off),
        }

    def self_check(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        self._engine.self_check(inputs, targets)

    def score(
        self, inputs: torch.Tensor, targets: torch.Tensor, only: Sequence[int]
    ) -> list[CheckpointScores]:
        return self._engine.score_each(inputs, targets, only=only)
