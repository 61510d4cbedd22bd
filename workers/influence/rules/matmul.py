"""x @ w and addmm(b, x, w): a linear layer whose weight is stored the other way round."""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from workers.influence.rules.linear import outer_sq_norm
from workers.influence.rules.registry import Call, Rule, register
from workers.influence.sketches import Into, OuterMap


class Matmul(Rule):
    operations: ClassVar[tuple[Callable[..., Any], ...]] = (
        torch.matmul,
        Tensor.matmul,
        torch.mm,
        Tensor.mm,
    )
    needs_data = True

    def bind(self, input: Tensor, other: Tensor) -> Call | None:
        if other.ndim != 2 or input.ndim < 2:
            return None
        return Call(input, {"weight": other}, leading=input.ndim - 1)

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        return d.sum(1) if role == "bias" else a.mT @ d

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        return super().sq_norm(role, a, d, options) if role == "bias" else outer_sq_norm(a, d)

    def sketch(self, role: str, a: Tensor, d: Tensor, options: Any, into: Into) -> Tensor:
        t, i, o = d.shape[1], a.shape[2], d.shape[2]
        if role == "bias" or not isinstance(into.map, OuterMap) or 1 < t >= i * o / (i + o):
            return super().sketch(role, a, d, options, into)
        into.map.add_outer(into.sums, d, a)
        return self.sq_norm(role, a, d, options)


class AddMM(Matmul):
    operations = (torch.addmm, Tensor.addmm)

    def bind(  # type: ignore[override]
        self, input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
    ) -> Call | None:
        if input.ndim != 1 or beta != 1 or alpha != 1:
            return None
        return Call(mat1, {"bias": input, "weight": mat2}, leading=1)


register(Matmul())
register(AddMM())
