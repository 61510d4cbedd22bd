"""InstanceNorm: each channel scaled and shifted, normalised by itself or by running statistics."""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.influence.rules.batch_norm import Statistics, per_channel, standardised
from workers.influence.rules.registry import Call, Rule, register


class InstanceNorm(Rule):
    operations = (functional.instance_norm,)

    def bind(
        self,
        input: Tensor,
        running_mean: Tensor | None = None,
        running_var: Tensor | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        use_input_stats: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Call:
        roles = {k: v for k, v in (("weight", weight), ("bias", bias)) if v is not None}
        if use_input_stats or running_mean is None or running_var is None:
            return Call(input, roles, leading=1, options=eps)
        identity = (id(running_mean), id(running_var))
        return Call(input, roles, 1, Statistics(running_mean, running_var, eps, identity))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        """a, d: (B, T, C, ...)."""
        if role == "bias":
            return per_channel(d)
        if isinstance(options, Statistics):
            return per_channel(standardised(a, options).mul_(d))
        own = torch.instance_norm(
            a.flatten(0, 1),
            None,
            None,
            None,
            None,
            True,
            0.0,
            options,
            torch.backends.cudnn.enabled,
        )
        return per_channel(own.view_as(d) * d)


register(InstanceNorm())
