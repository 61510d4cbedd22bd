"""PReLU: max(x, 0) + weight * min(x, 0), one weight for all channels or one for each."""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

import torch
from torch import Tensor

from workers.influence.rules.batch_norm import per_channel
from workers.influence.rules.registry import Call, Rule, register


class PReLU(Rule):
    operations = (torch.prelu, torch.Tensor.prelu)

    def bind(self, input: Tensor, weight: Tensor) -> Call:
        single = weight.numel() == 1
        return Call(input, {"weight": weight}, max(1, input.ndim - 1) if single else 1, single)

    def gradient(self, role: str, a: Tensor, d: Tensor, options: bool) -> Tensor:
        """a, d: (B, T, C, ...)."""
        below = a.clamp(max=0) * d
        return below.flatten(1).sum(1, keepdim=True) if options else per_channel(below)


register(PReLU())
