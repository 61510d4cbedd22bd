"""BatchNorm in eval mode, where it is a scale and shift of each channel by fixed statistics.

With the batch's own statistics an example has no gradient of its own: refused.
"""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.nn import functional

from workers.influence.errors import BatchDependence
from workers.influence.rules.registry import Call, Rule, register


@dataclass(frozen=True)
class Statistics:
    """Equal only if they are the same tensors: two layers that share a weight rarely share them."""

    mean: Tensor = field(compare=False)
    var: Tensor = field(compare=False)
    eps: float
    identity: tuple[int, int]


class BatchNorm(Rule):
    operations = (functional.batch_norm,)
    refuses = True

    def bind(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Call:
        if training or running_mean is None or running_var is None:
            raise BatchDependence(
                "A batch normalisation uses its batch's own statistics even in eval mode "
                "(track_running_stats=False?): an example then has no gradient of its own. "
                "Train it with running statistics, or use GroupNorm."
            )
        roles = {k: v for k, v in (("weight", weight), ("bias", bias)) if v is not None}
        identity = (id(running_mean), id(running_var))
        return Call(input, roles, 1, Statistics(running_mean, running_var, eps, identity))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        """a, d: (B, T, C, ...)."""
        return per_channel(d if role == "bias" else standardised(a, options).mul_(d))


def standardised(a: Tensor, statistics: Statistics) -> Tensor:
    """(a - mean) / sqrt(var + eps) by channel, a new tensor: (B, T, C, ...) alike."""
    shape = (-1, *(1,) * (a.ndim - 3))
    scale = (statistics.var + statistics.eps).rsqrt()
    return (a - statistics.mean.view(shape)).mul_(scale.view(shape))


def per_channel(x: Tensor) -> Tensor:
    """Sum over positions: (B, T, C, ...) → (B, C)."""
    return x.flatten(3).sum((1, 3)) if x.ndim > 3 else x.sum(1)


register(BatchNorm())
