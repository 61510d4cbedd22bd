"""LayerNorm and RMSNorm: scale sum_t d_t * xhat_t, shift sum_t d_t."""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.influence.rules.registry import Call, Rule, register


class LayerNorm(Rule):
    operations = (functional.layer_norm,)

    def bind(
        self,
        input: Tensor,
        normalized_shape: Sequence[int],
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Call:
        shape = tuple(normalized_shape)
        roles = {k: v for k, v in (("weight", weight), ("bias", bias)) if v is not None}
        return Call(input, roles, leading=input.ndim - len(shape), options=(shape, eps))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        if role == "bias":
            return d.sum(1)
        shape, eps = options
        return functional.layer_norm(a, shape, eps=eps).mul_(d).sum(1)


class RMSNorm(Rule):
    operations = (functional.rms_norm,)

    def bind(
        self,
        input: Tensor,
        normalized_shape: Sequence[int],
        weight: Tensor | None = None,
        eps: float | None = None,
    ) -> Call:
        shape = tuple(normalized_shape)
        roles = {} if weight is None else {"weight": weight}
        return Call(input, roles, leading=input.ndim - len(shape), options=(shape, eps))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        shape, eps = options
        return (torch.rms_norm(a, shape, None, eps) * d).sum(1)


register(LayerNorm())
register(RMSNorm())
