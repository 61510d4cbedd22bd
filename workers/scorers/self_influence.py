"""Self-influence, and what the same pass yields for nothing: loss, margin, EL2N, prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from workers.influence import SelfInfluenceScorer
from workers.influence.coverage import Treatment

Weights = Mapping[str, torch.Tensor]


class SelfInfluenceColumns:
    """The engine as a scorer.

    Columns, for B examples and k checkpoints: `terms` and `last_layer_terms` (B, k), squared
    gradient norms; `self_influence`, `self_influence_equal`, `last_layer`, `last_layer_equal`;
    `loss`, `margin`, `el2n`, means over checkpoints; `predicted`, `probability`,
    `given_probability`; `finite`; all (B,).
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        checkpoints: Sequence[tuple[Weights, float]],
        layers: str | Sequence[str],
        device: str | None,
        classification: bool,
    ) -> None:
        self._engine = SelfInfluenceScorer(
            model, loss=loss, checkpoints=checkpoints, layers=layers, device=device
        )
        self._classification = classification

    @property
    def device(self) -> str:
        return str(self._engine.device)

    @property
    def coverage(self) -> dict[str, object]:
        coverage = self._engine.coverage
        scored = set(coverage.scored)
        numbers = {entry.name: entry.numel for entry in coverage.entries}
        return {
            "scored": sum(numbers[name] for name in scored),
            "total": sum(numbers.values()),
            "slow_path": coverage.slow,
            "excluded": coverage.names(Treatment.EXCLUDED),
            "frozen": coverage.names(Treatment.FROZEN),
            "last_layer": list(coverage.last_layer),
        }

    def self_check(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        self._engine.self_check(inputs, targets)

    def score(self, inputs: torch.Tensor, targets: torch.Tensor) -> dict[str, np.ndarray]:
        part = self._engine.score(inputs, targets)
        columns = {
            "terms": part.terms,
            "last_layer_terms": part.last_layer_terms,
            "self_influence": part.self_influence,
            "self_influence_equal": part.self_influence_equal,
            "last_layer": part.last_layer,
            "last_layer_equal": part.last_layer_terms.mean(axis=1),
            "loss": part.loss.mean(axis=1),
            "el2n": part.el2n.mean(axis=1),
            "predicted": part.predicted,
            "finite": part.finite,
        }
        if self._classification:
            columns |= {
                "margin": part.margin.mean(axis=1),
                "probability": part.probability,
                "given_probability": part.given_probability,
            }
        return columns
