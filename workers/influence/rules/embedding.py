"""Embedding: the gradients of equal tokens add up before their norm; padding_idx has none."""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from workers.influence.errors import UnsupportedModel
from workers.influence.rules.registry import Call, Rule, register
from workers.influence.sketches import Into, OuterMap

MAX_NORM = (
    "An embedding with max_norm rewrites its weights as it is used; bake the norm into the "
    "checkpoint and set max_norm=None."
)


class Embedding(Rule):
    operations: ClassVar[tuple[Callable[..., Any], ...]] = (functional.embedding,)
    refuses = True

    def bind(
        self,
        input: Tensor,
        weight: Tensor,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Call | None:
        if max_norm is not None:
            raise UnsupportedModel(MAX_NORM)
        if scale_grad_by_freq:
            return None
        rows = weight.shape[0]
        if padding_idx is not None:
            padding_idx %= rows
        return Call(input, {"weight": weight}, leading=input.ndim, options=(rows, padding_idx))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: tuple[int, int | None]) -> Tensor:
        rows, padding = options
        n, _, width = d.shape
        keys, d = _without_padding(a, d, rows, padding)
        return d.new_zeros(n * rows, width).index_add_(0, keys, d).view(n, rows, width)

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: tuple[int, int | None]) -> Tensor:
        rows, padding = options
        n = len(a)
        keys, d = _without_padding(a, d, rows, padding)
        seen, place = torch.unique(keys, return_inverse=True)
        sums = d.new_zeros(len(seen), d.shape[1]).index_add_(0, place, d)
        return d.new_zeros(n).index_add_(0, seen // rows, sums.square().sum(1))

    def sketch(
        self, role: str, a: Tensor, d: Tensor, options: tuple[int, int | None], into: Into
    ) -> Tensor:
        if not isinstance(into.map, OuterMap):
            return super().sketch(role, a, d, options, into)
        _, padding = options
        kept = d if padding is None else d.masked_fill((a == padding)[:, :, None], 0)
        into.map.add_rows(into.sums, a.long(), kept)
        return self.sq_norm(role, a, d, options)


def _without_padding(
    ids: Tensor, d: Tensor, rows: int, padding: int | None
) -> tuple[Tensor, Tensor]:
    """Row of each token, counted through all examples' tables, with its gradient: (N,), (N, E)."""
    keys = ids.long() + rows * torch.arange(len(ids), device=ids.device)[:, None]
    if padding is None:
        return keys.flatten(), d.flatten(0, 1)
    kept = ids != padding
    return keys[kept], d[kept]


register(Embedding())
