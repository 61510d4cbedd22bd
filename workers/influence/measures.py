"""What one forward pass tells beside the loss: margin, EL2N, probabilities or predictions."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Measures:
    """Of B examples at one checkpoint.

    margin: logit of the given class minus the largest other, (B,); nan for a regression.
    el2n: |softmax(outputs) - onehot(target)|_2; regression: |prediction - target|. (B,)
    belief: class probabilities (B, C); regression: the prediction (B, 1); nan if neither.
    """

    margin: Tensor
    el2n: Tensor
    belief: Tensor


def is_classification(outputs: Any, targets: Tensor) -> bool:
    """Logits (B, C ≥ 2) against class indices (B,)."""
    return (
        isinstance(outputs, Tensor)
        and not targets.is_floating_point()
        and targets.ndim == 1
        and outputs.ndim == 2
        and outputs.shape[1] > 1
    )


@torch.no_grad()
def measure(outputs: Any, targets: Tensor) -> Measures:
    """Measures of outputs (B, C) or (B,), all nan where they are neither of the two tasks'."""
    n = len(targets)
    nan = torch.full((n,), torch.nan, dtype=torch.float64, device=targets.device)
    if is_classification(outputs, targets):
        logits = outputs.double()
        inside = (targets >= 0) & (targets < logits.shape[1])
        given = targets.clamp(0, logits.shape[1] - 1)[:, None]
        probabilities = logits.softmax(1)
        own = logits.gather(1, given)
        others = logits.scatter(1, given, -torch.inf).amax(1)
        error = probabilities.scatter_add(1, given, -torch.ones_like(own))
        margin = torch.where(inside, own[:, 0] - others, nan)
        return Measures(margin, torch.where(inside, error.norm(dim=1), nan), probabilities)
    if (
        isinstance(outputs, Tensor)
        and targets.is_floating_point()
        and outputs.numel() == n == targets.numel()
    ):
        prediction = outputs.double().reshape(n, 1)
        off = (prediction[:, 0] - targets.double().reshape(n)).abs()
        return Measures(nan, off, prediction)
    return Measures(nan, nan, nan[:, None])
