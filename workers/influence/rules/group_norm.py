"""GroupNorm: scale sum_t d_t * xhat_t, shift sum_t d_t, sums over the positions of a channel."""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002

from typing import Any

from torch import Tensor
from torch.nn import functional

from workers.influence.rules.registry import Call, Rule, register


class GroupNorm(Rule):
    operations = (functional.group_norm,)

    def bind(
        self,
        input: Tensor,
        num_groups: int,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Call:
        roles = {k: v for k, v in (("weight", weight), ("bias", bias)) if v is not None}
        return Call(input, roles, leading=1, options=(num_groups, eps))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        """a, d: (B, T, C, ...)."""
        if role == "weight":
            groups, eps = options
            d = functional.group_norm(a.flatten(0, 1), groups, eps=eps).view_as(d).mul_(d)
        return d.flatten(3).sum((1, 3)) if d.ndim > 3 else d.sum(1)


register(GroupNorm())
