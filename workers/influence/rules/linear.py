"""y = x W' + b, for vectors and sequences with any leading dimensions.

Source: Goodfellow 2015, "Efficient per-example gradient computations", for one position; Li et al.
2022, "Large language models can be strong differentially private learners" (ghost clipping):
|sum_t d_t a_t'|² = <d d', a a'>.
"""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.influence.rules.registry import Call, Rule, in_chunks, register, squares
from workers.influence.sketches import Into, OuterMap


class Linear(Rule):
    operations = (functional.linear,)

    def bind(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Call:
        roles = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return Call(input, roles, leading=input.ndim - 1)

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        return d.sum(1) if role == "bias" else d.mT @ a

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        if role == "bias":
            return squares(d.squeeze(1) if d.shape[1] == 1 else d.sum(1))
        return outer_sq_norm(a, d)

    def sq_norms(
        self, roles: Sequence[str], a: Tensor, d: Tensor, options: Any
    ) -> dict[str, Tensor]:
        if d.shape[1] > 1:
            return super().sq_norms(roles, a, d, options)
        bias = squares(d)
        found = {"bias": bias, "weight": squares(a) * bias if "weight" in roles else bias}
        return {role: found[role] for role in roles}

    def sketch(self, role: str, a: Tensor, d: Tensor, options: Any, into: Into) -> Tensor:
        t, i, o = d.shape[1], a.shape[2], d.shape[2]
        if role == "bias" or not isinstance(into.map, OuterMap) or 1 < t >= i * o / (i + o):
            return super().sketch(role, a, d, options, into)
        into.map.add_outer(into.sums, a, d)
        return self.sq_norm(role, a, d, options)


def outer_sq_norm(a: Tensor, d: Tensor) -> Tensor:
    """|sum_t d_t a_t'|² of each example: a (B, T, I), d (B, T, O) → (B,), never negative."""
    n, t, i = a.shape
    o = d.shape[2]
    if t == 1:
        return squares(a) * squares(d)
    if t * (i + o) < i * o:
        wide = torch.promote_types(a.dtype, torch.float32)
        return in_chunks(
            n,
            t * t,
            lambda s: (
                ((a[s] @ a[s].mT).mul_(d[s] @ d[s].mT)).flatten(1).sum(1, dtype=wide).clamp_min_(0)
            ),
        )
    return in_chunks(n, i * o, lambda s: squares(d[s].mT @ a[s]))


register(Linear())
