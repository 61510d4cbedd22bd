"""Losses by name: one value per example."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.models.errors import LossUnknown, OutputsUnfit

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Minus the log probability of the given class.

    Args:
        outputs: logits, (B, C).
        targets: class indices, (B,) int64.
    Returns:
        (B,), in nats.
    Raises:
        OutputsUnfit: other shapes.
    """
    if outputs.ndim != 2 or targets.shape != outputs.shape[:1]:
        raise _unfit(outputs, targets, "cross_entropy needs outputs (B, classes) and targets (B,)")
    return F.cross_entropy(outputs, targets, reduction="none")


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """(output - target)², without a factor of ½.

    Args:
        outputs: (B,) or (B, 1).
        targets: (B,).
    Returns:
        (B,), in squared units of the (scaled) target.
    Raises:
        OutputsUnfit: other shapes; torch would broadcast (B, 1) against (B,) to (B, B).
    """
    values = outputs.squeeze(1) if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs
    if values.ndim != 1 or values.shape != targets.shape:
        raise _unfit(outputs, targets, "squared_error needs outputs (B, 1) or (B,), targets (B,)")
    return torch.square(values - targets)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}


def build_loss(name: str) -> Loss:
    """The loss of this name.

    Raises:
        LossUnknown: there is none.
    """
    if name not in LOSSES:
        raise LossUnknown(
            f"There is no loss {name!r}.",
            field="loss",
            remedy=f"Use one of: {', '.join(LOSSES)}.",
        )
    return LOSSES[name]


def _unfit(outputs: Tensor, targets: Tensor, needs: str) -> OutputsUnfit:
    return OutputsUnfit(
        f"{needs}; got {tuple(outputs.shape)} and {tuple(targets.shape)}.",
        field="model.args",
        remedy="Give the model as many outputs as the dataset has classes, or 1 for a regression.",
    )
