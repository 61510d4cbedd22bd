"""Losses by name, and the check that a loss gives one value per example."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from workers.influence.errors import InfluenceError, LossNotPerExample, ShapeMismatch

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """-log softmax of the given class: logits (B, C) and class indices (B,) → (B,), in nats."""
    if outputs.ndim != 2 or targets.shape != outputs.shape[:1]:
        raise ShapeMismatch(
            f"cross_entropy needs outputs (B, classes) and targets (B,), got "
            f"{tuple(outputs.shape)} and {tuple(targets.shape)}."
        )
    return functional.cross_entropy(outputs, targets, reduction="none")


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """(output - target)², summed over an example's outputs: (B,) or (B, n) → (B,)."""
    n = len(targets)
    if len(outputs) != n or outputs.numel() != targets.numel():
        raise ShapeMismatch(  # (B, 1) against (B,) would silently become (B, B)
            f"squared_error needs as many outputs as targets, got "
            f"{tuple(outputs.shape)} and {tuple(targets.shape)}."
        )
    return (outputs.reshape(n, -1) - targets.reshape(n, -1)).square().sum(1)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}


def resolve_loss(loss: str | Loss) -> Loss:
    """The loss of this name, or the callable itself."""
    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise InfluenceError(f"There is no loss {loss!r}. Use one of {', '.join(LOSSES)}.")
    return LOSSES[loss]


def per_example(loss: Loss, outputs: Tensor, targets: Tensor, n_examples: int) -> Tensor:
    """loss(outputs, targets), (B,).

    Raises:
        LossNotPerExample: it has another shape, or is no tensor.
    """
    values = loss(outputs, targets)
    if not isinstance(values, torch.Tensor):
        raise LossNotPerExample(f"The loss returned {type(values).__name__}, not a tensor.")
    if values.shape != (n_examples,):
        got = "a single number" if values.ndim == 0 else f"shape {tuple(values.shape)}"
        raise LossNotPerExample(
            f"The loss must give one value per example, shape ({n_examples},), and gave {got}. "
            'Use reduction="none", and sum over what belongs to one example.'
        )
    return values
