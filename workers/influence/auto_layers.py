"""Choosing layers by a sample: as cheap as asked for, and how well their ranking agrees with all's.

The engine's backward pass ends at the first layer that is scored, so that what is near the output
is cheap. The candidates are therefore the last k layers, for every k: one pass over the sample
with all layers says how each of them would rank it, and a few counted passes how many fit the
budget. Operations are counted, not timed, so that the same model, sample and budget give the same
layers: scans that chose differently would share no results.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from workers.influence.counting import OperationCount
from workers.influence.errors import InfluenceError
from workers.influence.layers import owner
from workers.influence.losses import Loss
from workers.influence.scorer import Checkpoint, SelfInfluenceScorer
from workers.influence.subject import Inputs

_TIMED_PASSES = 3
# Agreements this close are alike: the fewest layers win, and rounding seldom decides.
_ALIKE = 0.005


@dataclass(frozen=True)
class LayerChoice:
    """Layers to give to a scorer, and what they are worth.

    layers: names of parameters, in the model's order.
    agreement: Spearman's rank correlation of the sample's self-influence by these layers with that
        by all of them, -1 to 1.
    cost_share: operations by these layers over those by all, counted on the sample.
    time_share: the same of the time that they took. Measured, and nothing was decided by it.
    gradient_share: their part of the sample's self-influence by all layers, 0 to 1.
    """

    layers: tuple[str, ...]
    agreement: float
    cost_share: float
    time_share: float
    gradient_share: float


def choose_layers(
    model: nn.Module,
    sample: tuple[Inputs, Tensor],
    *,
    loss: str | Loss,
    checkpoints: Sequence[Checkpoint],
    budget: float = 0.5,
    device: str | torch.device | None = None,
) -> LayerChoice:
    """The fewest last layers that rank the sample as much like all layers as the budget allows.

    Args:
        sample: one batch, (inputs, targets): some hundred examples tell the ranking well.
        budget: the largest share of the operations that all layers take. The last layer is chosen
            at least, whatever it costs.
        Others: as for SelfInfluenceScorer.
    Raises:
        InfluenceError: a sample of fewer than three examples, or with losses that are not finite.
        And what SelfInfluenceScorer raises.
    """
    inputs, targets = sample

    def scorer(layers: str | tuple[str, ...]) -> SelfInfluenceScorer:
        return SelfInfluenceScorer(
            model,
            loss=loss,
            checkpoints=checkpoints,
            layers=layers,
            device=device,
            channels_last=False,  # left to the scorer, the order would be found by the clock
        )

    whole = scorer("all")
    terms = whole.by_parameter(inputs, targets)
    total = np.sum(list(terms.values()), axis=0)
    if len(total) < 3 or not np.isfinite(total).all():
        raise InfluenceError(
            "Choosing layers needs a sample of at least three examples with finite losses."
        )
    candidates = _last_layers(tuple(terms), whole.coverage.last_layer)
    all_cost = _operations(whole, inputs, targets)
    costs: dict[int, float] = {}

    def cost(k: int) -> float:
        if k not in costs:
            costs[k] = _operations(scorer(candidates[k]), inputs, targets) / all_cost
        return costs[k]

    largest = _largest(len(candidates), lambda k: cost(k) <= budget)
    sums = [np.sum([terms[n] for n in names], axis=0) for names in candidates[: largest + 1]]
    agreements = [spearman(part, total) for part in sums]
    best = next(k for k, found in enumerate(agreements) if found >= max(agreements) - _ALIKE)
    seconds = _seconds(scorer(candidates[best]), inputs, targets)
    return LayerChoice(
        candidates[best],
        agreements[best],
        cost(best),
        seconds / _seconds(whole, inputs, targets),
        float(sums[best].sum() / total.sum()) if total.sum() else 0.0,
    )


def _last_layers(names: tuple[str, ...], last: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Parameters of the last layer, of it and the one before, and so on to all of them."""
    rest = [name for name in names if name not in last]
    layers = list(dict.fromkeys(owner(name) for name in rest))
    chosen = {name for name in names if name in last}
    found = [tuple(name for name in names if name in chosen)] if chosen else []
    for layer in reversed(layers):
        chosen |= {name for name in rest if owner(name) == layer}
        found.append(tuple(name for name in names if name in chosen))
    return found


def _operations(scorer: SelfInfluenceScorer, inputs: Inputs, targets: Tensor) -> int:
    """Of a pass at one checkpoint, as all are alike, once the plan is made."""
    scorer.score_each(inputs, targets, only=[0])
    with OperationCount() as count:
        scorer.score_each(inputs, targets, only=[0])
    return count.operations


def _seconds(scorer: SelfInfluenceScorer, inputs: Inputs, targets: Tensor) -> float:
    """The quickest of a few passes, once the plan is made."""
    scorer.score_each(inputs, targets, only=[0])
    times = []
    for _ in range(_TIMED_PASSES):
        began = perf_counter()
        scorer.score_each(inputs, targets, only=[0])
        times.append(perf_counter() - began)
    return min(times)


def _largest(count: int, fits: Callable[[int], bool]) -> int:
    """The largest index that fits, by bisection, as cost grows with it; 0 if none does."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation, ties at their mean rank; 0 where one of them is constant."""
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
